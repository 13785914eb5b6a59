import Foundation
import TestFolders
import Testing

/// What a run does when it is asked to end.
@Suite struct SignalTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// SIGHUP, unless the tests run under nohup: then it says nothing to the programs they start.
  private static let heededHangup: [Int32] = {
    var action = sigaction()
    sigaction(SIGHUP, nil, &action)
    let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
    return handler == unsafeBitCast(SIG_IGN, to: Int.self) ? [] : [SIGHUP]
  }()

  private func started(_ options: String..., errors: Pipe? = nil) throws -> Process {
    try SlateProgram.startTraining(
      ["--steps", "1000000"] + options, out: folder.path("run"), errors: errors)
  }

  /// Ends a run that goes on for a minute as if nothing had come: a signal that nobody watches may be
  /// blocked.
  private func expectSaved(_ process: Process) throws {
    for _ in 0..<6000 where process.isRunning { usleep(10_000) }
    if process.isRunning {
      Issue.record("the signal has not ended the run")
      kill(process.processIdentifier, SIGKILL)
    }
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    let run = folder.path("run")
    #expect(try stepOfCheckpoint(run) == lastStep(run))
  }

  @Test(
    "two signals within milliseconds are one",
    arguments: [SIGTERM, SIGINT] + heededHangup, [SIGTERM] + heededHangup)
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

  @Test(
    "the signals of a terminal that closes and of a pipe save", arguments: heededHangup + [SIGPIPE])
  func hangup(_ number: Int32) throws {
    let process = try started()
    while try process.isRunning && lastStep(folder.path("run")) < 3 { usleep(5_000) }
    kill(process.processIdentifier, number)
    try expectSaved(process)
  }

  /// When a run is ended, and what it then spends its time on.
  struct Moment: Sendable, CustomTestStringConvertible {
    let seconds: Double
    let options: [String]
    var testDescription: String { "after \(seconds) s, \(options)" }

    /// While it starts, between steps, and where nearly all time goes into validations and into writing
    /// checkpoints: 22 moments.
    static let all: [Moment] = {
      var moments: [Moment] = []
      for power in 0..<8 { moments.append(Moment(seconds: 0.01 * Double(1 << power), options: [])) }
      for run in 0..<7 {
        moments.append(Moment(seconds: 1.5 + 0.137 * Double(run), options: []))
        moments.append(
          Moment(
            seconds: 1 + 0.173 * Double(run), options: ["--val-every", "1", "--val-images", "100"]))
      }
      return moments
    }()

    /// A share of them; with SLATE_CRASHES=all in the environment, every one.
    static var chosen: [Moment] {
      if ProcessInfo.processInfo.environment["SLATE_CRASHES"] == "all" { return all }
      return [3, 7, 8, 9, 21].map { all[$0] }
    }
  }

  @Test("runs that GNU timeout ends are at their last step, and go on", arguments: Moment.chosen)
  func timeout(_ moment: Moment) throws {
    let run = folder.path("run")
    let outcome = try SlateProgram.shell(
      "timeout \(moment.seconds) \"$@\"",
      SlateProgram.tinyTraining(["--steps", "1000000"] + moment.options, out: run))
    #expect(outcome.status == 124, "\(outcome.errors)")
    let last = try lastStep(run)
    let checkpoint = run + "/checkpoint.safetensors"
    guard FileManager.default.fileExists(atPath: checkpoint) else {
      // It had not begun: the same words begin it.
      #expect(last == 0)
      #expect(try SlateProgram.trainTiny("--steps", "2", out: run).status == 0)
      return
    }
    #expect(try stepOfCheckpoint(run) == last)
    let resumed = try SlateProgram.run(
      "train", "--resume", run, "--steps", "\(last + 2)", "--workers", "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
    if last > 0 {
      #expect(resumed.output.contains("continued after step \(last)"), "\(resumed.output)")
    }
    #expect(try lastStep(run) == last + 2)
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
    let first = ContinuousClock.now
    kill(process.processIdentifier, SIGTERM)
    usleep(200_000)
    kill(process.processIdentifier, SIGTERM)
    let between = first.duration(to: .now)
    usleep(200_000)
    // Unless this test was held up.
    if between < .milliseconds(500) { #expect(process.isRunning) }
    for _ in 0..<300 where process.isRunning {
      usleep(200_000)
      kill(process.processIdentifier, SIGTERM)
    }
    if process.isRunning {
      Issue.record("the signals have not ended the run")
      kill(process.processIdentifier, SIGKILL)
    }
    process.waitUntilExit()
    #expect(process.terminationReason == .exit)
    #expect(process.terminationStatus == 128 + SIGTERM)
    #expect(try stepOfCheckpoint(folder.path("run")) == 0)
  }
}
