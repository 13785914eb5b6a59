import Foundation

/// Another process of this program, with other arguments.
///
/// Its output goes through pipes. When the listening process ends, for whatever reason, a training
/// run stops at its next output, and saves.
final class ChildProcess {
  private let process = Process()
  private let streams = (output: Pipe(), errors: Pipe())
  private(set) var output = Data()
  private(set) var errors = Data()
  private var isAskedToEnd = false

  /// The number of bytes at the end of a stream that are kept.
  private static let most = 1 << 16

  /// Starts `slate` with arguments.
  ///
  /// - Throws: `RunError` when the system cannot start a process.
  init(_ arguments: [String]) throws {
    process.executableURL = ChildProcess.program
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = streams.output
    process.standardError = streams.errors
    for pipe in [streams.output, streams.errors] {
      let descriptor = pipe.fileHandleForReading.fileDescriptor
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }
    do {
      try process.run()
    } catch {
      throw RunError(
        path: ChildProcess.program.path, reason: "no process could be started (\(error))",
        remedy: "free some memory or raise the limit of processes, then give the command again")
    }
  }

  /// The running program, even if its file has been replaced meanwhile, so that all runs of an
  /// experiment are made by the same program.
  private static var program: URL {
    let running = "/proc/self/exe"
    return FileManager.default.fileExists(atPath: running)
      ? URL(filePath: running)
      : Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
  }

  /// Whether the process still runs.
  ///
  /// Also reads what it has printed so far.
  var isRunning: Bool {
    let runs = process.isRunning
    take(streams.output, into: &output)
    take(streams.errors, into: &errors)
    return runs
  }

  /// Asks the process to save and end.
  func askToEnd() {
    guard !isAskedToEnd, process.isRunning else { return }
    isAskedToEnd = true
    kill(process.processIdentifier, SIGTERM)
  }

  /// Whether the process ended with success.
  var hasSucceeded: Bool {
    process.terminationReason == .exit && process.terminationStatus == 0
  }

  /// The reason of a failure.
  var failure: String {
    let lines = String(decoding: errors, as: UTF8.self).split(separator: "\n")
      .filter { !$0.hasPrefix("warning: ") && !$0.hasPrefix("finishing the step") }
    if process.terminationReason == .uncaughtSignal {
      let name = "ended by signal \(process.terminationStatus)"
      return process.terminationStatus == SIGKILL
        ? "\(name): somebody ended it, or the system had no memory left"
        : ([name] + lines.suffix(3).map(String.init)).joined(separator: ": ")
    }
    guard !lines.isEmpty else { return "ended with status \(process.terminationStatus)" }
    let text = lines.suffix(3).joined(separator: " ")
    return text.hasPrefix("Error: ") ? String(text.dropFirst(7)) : text
  }

  private func take(_ pipe: Pipe, into data: inout Data) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(pipe.fileHandleForReading.fileDescriptor, &bytes, bytes.count)
      guard count > 0 else { break }
      data.append(contentsOf: bytes[..<count])
    }
    if data.count > ChildProcess.most { data = Data(data.suffix(ChildProcess.most)) }
  }
}
