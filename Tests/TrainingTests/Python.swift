import Foundation

/// A Python interpreter beside us, for formats that have their reference reader there.
enum Python {
  struct Failed: Error {
    let status: Int32
  }

  /// Whether the interpreter can be started and knows the package.
  static let hasTensorBoard = (try? run("import tensorboard.backend")) != nil

  /// Whether it can read safetensors files.
  static let hasSafetensors = (try? run("import safetensors.numpy")) != nil

  /// What a program prints.
  static func run(_ program: String, _ arguments: String...) throws -> String {
    let process = Process()
    let output = Pipe()
    let interpreter = ProcessInfo.processInfo.environment["TENSORBOARD_PYTHON"] ?? "python3"
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [interpreter, "-c", program] + arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus) }
    return String(decoding: data, as: UTF8.self)
  }
}
