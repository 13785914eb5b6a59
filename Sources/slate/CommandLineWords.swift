import ArgumentParser

/// The words of the command line, as the parser is given them.
struct CommandLineWords {
  let words: [String]

  /// Looks for what a shell makes of a variable that is not set, and for negative numbers, which the
  /// parser would take for options.
  ///
  /// - Parameters:
  ///   - words: as the system hands them over, without the program's name.
  ///   - root: the command whose subcommands the first words name.
  /// - Throws: `ValidationError` for a word, or an option's value, that is empty: a path would mean the
  ///   current folder; and for a command that there is not.
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
      } else {
        result.append(word)
      }
    }
    self.words = result
    try expectCommands(of: root)
  }

  /// Looks for a mistyped command, which the parser would take for an argument of what stands before
  /// it, and `help` for nothing.
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

  private static func isNegative(_ word: String) -> Bool {
    word.hasPrefix("-") && Double(word) != nil
  }
}

extension String {
  /// The text as one word of a shell: quoted where it has to be.
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
