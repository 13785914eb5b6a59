import Foundation
import TestFolders
import Testing

/// A built example, run as a user would.
struct ExampleProgram {
  let name: String

  /// What it prints; a status other than 0 is a failure of the test.
  func output(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = builtPrograms.appending(path: name)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    // Read before waiting: a pipe that is full would block the program.
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    #expect(process.terminationStatus == 0, "\(name): \(text)")
    return text
  }
}

/// The numbers in a line of text.
func numbers(_ line: some StringProtocol) -> [Double] {
  line.split { " |,:;".contains($0) }.compactMap { Double($0) }
}
