import ArgumentParser
import Foundation
import Images

/// The words of the command line, before the parser gets them.
struct CommandLineWords {
  let words: [String]

  /// Looks for words that a shell makes of an unset variable, and for negative numbers, which the
  /// parser would take for options.
  ///
  /// - Parameters:
  ///   - words: the words that the system hands over, without the program's name.
  ///   - root: the command whose subcommands the first words name.
  /// - Throws: `ValidationError` for an empty word or an empty value of an option, which as a path
  ///   would mean the current folder; and for a command that does not exist.
  init(_ words: [String], of root: any ParsableCommand.Type) throws {
    var result: [String] = []
    for word in words {
      let option = result.last.flatMap { $0.hasPrefix("--") ? $0 : nil }
      if word.isEmpty {
        throw CommandLineWords.empty(option.map { "the value of \($0)" } ?? "an argument")
      }
      if word.hasPrefix("--"), word.hasSuffix("=") {
        throw CommandLineWords.empty("the value of \(word.dropLast())")
      }
      if let option, !option.contains("="), CommandLineWords.isNegative(word) {
        result[result.count - 1] = "\(option)=\(word)"
      } else if word.hasPrefix("--"), let sign = word.firstIndex(of: "=") {
        result.append(
          word[...sign] + CommandLineWords.withoutTilde(String(word[word.index(after: sign)...])))
      } else {
        result.append(CommandLineWords.withoutTilde(word))
      }
    }
    self.words = result
    try expectCommands(of: root)
  }

  /// The words that the system hands over, as bytes, without the program's name.
  static var given: [RawPath] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
      CommandLine.unsafeArgv[index].map { word in
        RawPath(
          bytes: UnsafeRawBufferPointer(start: word, count: strlen(word)))
      }
    }
  }

  /// Words as text.
  ///
  /// - Throws: `ValidationError` for a word that is not UTF-8: text would name another file, which is not
  ///   there.
  static func texts(ofWords words: [RawPath]) throws -> [String] {
    try words.map { word in
      guard let text = String(validating: word.bytes, as: UTF8.self) else {
        throw ValidationError(
          "'\(word)' is not UTF-8, and such a name cannot be given: give a folder above it, because "
            + "names in a folder of images may be of any bytes, or rename it")
      }
      return text
    }
  }

  /// Looks for a mistyped command.
  ///
  /// The parser would take it for an argument of the command before it, or, after `help`, would
  /// ignore it.
  private func expectCommands(of root: any ParsableCommand.Type) throws {
    var command = root
    for word in words.first == "help" ? words.dropFirst() : words[...] {
      let commands = command.configuration.subcommands
      guard !commands.isEmpty, !word.hasPrefix("-") else { return }
      guard let next = commands.first(where: { $0._commandName == word }) else {
        throw ValidationError(
          "there is no command '\(word)'; there are "
            + commands.map { $0._commandName }.joined(separator: ", "))
      }
      command = next
    }
  }

  private static func empty(_ what: String) -> ValidationError {
    ValidationError("\(what) is empty; if it comes from a shell variable, the variable is not set")
  }

  /// A word in which `~` has no meaning any more.
  ///
  /// Shells leave it in quoted words and in `--out=~/runs`. Some functions of the system take it for
  /// a folder, others for a name, so that one command would use two places. `~` and `~/` are the
  /// user's own folder, and any other name that begins with ~ is one in the current folder.
  private static func withoutTilde(_ word: String) -> String {
    guard word.hasPrefix("~") else { return word }
    guard word == "~" || word.hasPrefix("~/") else { return "./" + word }
    let home = ProcessInfo.processInfo.environment["HOME"].flatMap { $0.isEmpty ? nil : $0 }
    return (home ?? FileManager.default.homeDirectoryForCurrentUser.path) + word.dropFirst()
  }

  private static func isNegative(_ word: String) -> Bool {
    word.hasPrefix("-") && Double(word) != nil
  }
}

extension String {
  /// The text as one word of a shell, quoted if necessary.
  var quotedForShell: String {
    let plain = { (character: Character) in
      character.isASCII
        && (character.isLetter || character.isNumber || "/._-+,:@%=".contains(character))
    }
    if !isEmpty, allSatisfy(plain) { return self }
    return "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }
}
