import Foundation
import TestFolders
import Testing

/// The built program, run as a user would.
struct SlateProgram {
  /// What a run of the program left behind.
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String
  }

  private static let executable = builtPrograms.appending(path: "slate")
  /// How many seconds a run may take: what has not ended then hangs, and is killed.
  private static let patience = 900.0

  /// Runs `slate` with arguments to its end.
  static func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  /// `slate train` on a model that trains in moments.
  static func trainTiny(_ arguments: String..., out: String?) throws -> Outcome {
    try trainTiny(arguments, out: out)
  }

  static func trainTiny(
    _ arguments: [String], out: String?, patience: Double = patience
  ) throws -> Outcome {
    try run(
      executable, ["train"] + tinyOptions + arguments + (out.map { ["--out", $0] } ?? []),
      patience: patience)
  }

  /// The same, without waiting for its end.
  static func startTraining(
    _ arguments: String..., out: String? = nil, in folder: URL? = nil
  ) throws -> Process {
    try startTraining(arguments, out: out, in: folder)
  }

  /// Starts `slate` with arguments.
  static func start(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  static func startTraining(
    _ arguments: [String], out: String?, in folder: URL? = nil, output: Pipe? = nil,
    errors: Pipe? = nil
  ) throws -> Process {
    let process = Process()
    process.executableURL = executable
    process.arguments = ["train"] + tinyOptions + arguments + (out.map { ["--out", $0] } ?? [])
    if let folder { process.currentDirectoryURL = folder }
    process.standardOutput = output ?? FileHandle.nullDevice
    if let errors { process.standardError = errors }
    try process.run()
    return process
  }

  /// Runs a script of the shell, in which "$@" stands for `slate` with arguments.
  static func shell(
    _ script: String, _ arguments: [String], in folder: URL? = nil,
    environment: [String: String] = [:]
  ) throws -> Outcome {
    try run(
      URL(filePath: "/bin/bash"), ["-c", script, "bash", executable.path] + arguments, in: folder,
      environment: environment)
  }

  /// The arguments that train a model in moments.
  static func tinyTraining(_ arguments: String..., out: String) -> [String] {
    tinyTraining(arguments, out: out)
  }

  static func tinyTraining(_ arguments: [String], out: String) -> [String] {
    ["train"] + tinyOptions + arguments + ["--out", out]
  }

  /// Runs `slate` where no file may grow beyond some blocks, as on a full disk.
  ///
  /// The signal that such a write raises does what it does by default: the threads that tests run on
  /// block it, who started the tests may have ignored it, and a process inherits both.
  static func runLimited(toBlocks blocks: Int, _ arguments: String...) throws -> Outcome {
    signal(SIGXFSZ, SIG_DFL)
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGXFSZ)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    return try run(
      URL(filePath: "/bin/sh"),
      ["-c", "ulimit -f \(blocks); exec \"$0\" \"$@\"", executable.path] + arguments)
  }

  static func run(
    _ arguments: [String], in folder: URL? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    try run(executable, arguments, in: folder, environment: environment)
  }

  /// The same with variables of the environment set, or unset where the value is nil.
  static func run(
    _ arguments: String..., environment: [String: String?]
  ) throws -> Outcome {
    try run(executable, arguments, environment: environment)
  }

  private static func run(
    _ program: URL, _ arguments: [String], in folder: URL? = nil,
    environment: [String: String?] = [:], patience: Double = patience
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = program
    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value }
    process.environment = variables
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = folder }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // The queue keeps it until its time has come, also when it is cancelled: it must not keep the pipes.
    let killing = DispatchWorkItem { [weak process] in
      guard let process, process.isRunning else { return }
      kill(process.processIdentifier, SIGKILL)
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: killing)
    // Small outputs: a pipe holds more than the program prints in a test.
    process.waitUntilExit()
    killing.cancel()
    func text(_ pipe: Pipe) throws -> String {
      String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }
    return Outcome(
      status: process.terminationStatus, output: try text(output), errors: try text(errors))
  }
}

extension TemporaryFolder {
  /// The lines of a run's metrics.jsonl without the times.
  func metrics(_ run: String) throws -> [String] {
    try String(contentsOf: url.appending(path: "\(run)/metrics.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { line in
        line.prefix(upTo: line.firstRange(of: ", \"seconds")?.lowerBound ?? line.endIndex)
      }
      .map(String.init)
  }
}
