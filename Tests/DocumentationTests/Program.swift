import Foundation
import TestFolders

/// A program of this package, run as a reader would.
enum Program {
  /// What a command line, words separated by spaces, prints on standard output.
  ///
  /// - Throws: `Failed` if the program ends with another status than 0.
  static func output(of command: String) throws -> String {
    let words = command.split(separator: " ").map(String.init)
    let process = Process()
    process.executableURL = builtPrograms.appending(path: words[0])
    process.arguments = Array(words.dropFirst())
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(command: command) }
    return withoutTrailingSpace(String(decoding: data, as: UTF8.self))
  }

  /// The text with no white space at the ends of its lines, nor at its own.
  static func withoutTrailingSpace(_ text: String) -> String {
    text.trimmingCharacters(in: .newlines).split(separator: "\n", omittingEmptySubsequences: false)
      .map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
      .joined(separator: "\n")
  }

  /// A program that ended with a status other than 0.
  struct Failed: Error {
    let command: String
  }
}
