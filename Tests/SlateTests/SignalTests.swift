import Foundation
import Testing

/// What a run does when it is asked to end.
@Suite struct SignalTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func started(_ options: String..., errors: Pipe? = nil) throws -> Process {
    try SlateProgram.startTraining(
      ["--steps", "1000000"] + options, out: folder.path("run"), errors: errors)
  }

  private func expectSaved(_ process: Process) throws {
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    let run = folder.path("run")
    #expect(try stepOfCheckpoint(run) == lastStep(run))
  }

  @Test(
    "two signals within milliseconds are one",
    arguments: [SIGTERM, SIGINT, SIGHUP], [SIGTERM, SIGHUP])
  func twice(_ first: Int32, _ second: Int32) throws {
    let errors = Pipe()
    let process = try started(errors: errors)
    while try process.isRunning && lastStep(folder.path("run")) < 3 { usleep(5_000) }
    kill(process.processIdentifier, first)
    usleep(5_000)
    kill(process.processIdentifier, second)
    try expectSaved(process)
    let text = String(
      decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    // Kernels that are chosen for another processor are warned of first.
    let words = text.split(separator: "\n").filter { !$0.hasPrefix("warning: matrix products run") }
    #expect(words.first?.hasPrefix("finishing the step") ?? false, "\(text)")
  }

  @Test("the signals of a terminal that closes and of a pipe save", arguments: [SIGHUP, SIGPIPE])
  func hangup(_ number: Int32) throws {
    let process = try started()
    while try process.isRunning && lastStep(folder.path("run")) < 3 { usleep(5_000) }
    kill(process.processIdentifier, number)
    try expectSaved(process)
  }

  @Test("runs that GNU timeout ends are at their last step", arguments: 0..<3)
  func timeout(_ run: Int) throws {
    let outcome = try SlateProgram.shell(
      "timeout \(2 + 0.13 * Double(run)) \"$@\"",
      SlateProgram.tinyTraining("--steps", "1000000", out: folder.path("run")))
    #expect(outcome.status == 124, "\(outcome.errors)")
    #expect(try stepOfCheckpoint(folder.path("run")) == lastStep(folder.path("run")))
  }

  @Test("nohup is respected")
  func nohup() throws {
    let outcome = try SlateProgram.shell(
      "trap '' HUP; \"$@\" & sleep 1; kill -HUP $!; sleep 0.5; kill -TERM $!; wait $!",
      SlateProgram.tinyTraining("--steps", "1000000", out: folder.path("run")))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let note = outcome.errors.components(separatedBy: "finishing the step")
    #expect(note.count == 2, "\(outcome.errors)")
  }

  @Test("a step that never ends ends at a second signal, a second later")
  func endless() throws {
    let process = try started("--gradient", "neumann:9223372036854775807", errors: Pipe())
    let run = folder.path("run/metrics.jsonl")
    while process.isRunning && !FileManager.default.fileExists(atPath: run) { usleep(5_000) }
    usleep(500_000)
    kill(process.processIdentifier, SIGTERM)
    usleep(200_000)
    kill(process.processIdentifier, SIGTERM)
    usleep(200_000)
    #expect(process.isRunning)
    usleep(700_000)
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit)
    #expect(process.terminationStatus == 128 + SIGTERM)
    #expect(try stepOfCheckpoint(folder.path("run")) == 0)
  }
}
