import Foundation
import Testing

/// A run that was interrupted goes on to bitwise the same numbers.
@Suite struct ResumeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// metrics.jsonl without the times.
  private func metrics(_ run: String) throws -> [String] {
    try String(contentsOf: folder.url.appending(path: "\(run)/metrics.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { line in
        line.prefix(upTo: line.firstRange(of: ", \"seconds")?.lowerBound ?? line.endIndex)
      }
      .map(String.init)
  }

  @Test func resumingAfterTheEnd() throws {
    let options = ["--patience", "1", "--dropout", "0.2", "--clip", "1"]
    #expect(
      try SlateProgram.trainTiny(options + ["--steps", "12"], out: folder.path("whole")).status
        == 0)
    #expect(
      try SlateProgram.trainTiny(options + ["--steps", "5"], out: folder.path("parts")).status == 0)
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("parts"), "--steps", "12", "--workers", "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(resumed.output.contains("continued after step 5"))
    #expect(
      try metrics("parts").filter { !$0.contains("val_") }
        == metrics("whole").filter { !$0.contains("val_") })
    #expect(try folder.checkpointTensors("parts") == folder.checkpointTensors("whole"))
  }

  @Test("an interrupt saves the step it finished", arguments: [SIGINT, SIGTERM])
  func interrupted(_ signal: Int32) throws {
    let run = try SlateProgram.startTraining("--steps", "100000", out: folder.path("run"))
    while try run.isRunning && metricsCount("run") < 5 { usleep(20_000) }
    kill(run.processIdentifier, signal)
    run.waitUntilExit()
    #expect(run.terminationStatus == 0)
    let steps = try metrics("run").count - 1
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("run"), "--steps", "\(steps + 2)", "--workers", "2")
    #expect(resumed.output.contains("continued after step \(steps)"), "\(resumed.output)")
    #expect(
      try SlateProgram.trainTiny("--steps", "\(steps + 2)", out: folder.path("whole")).status == 0)
    #expect(try folder.checkpointTensors("run") == folder.checkpointTensors("whole"))
  }

  @Test("a run that is killed at any moment can be resumed", arguments: 0..<6)
  func killed(_ moment: Int) throws {
    let run = try SlateProgram.startTraining(
      "--steps", "100000", "--val-every", "2", out: folder.path("run"))
    while run.isRunning
      && !FileManager.default.fileExists(atPath: folder.path("run/checkpoint.safetensors"))
    { usleep(2_000) }
    usleep(UInt32(moment) * 37_000)
    kill(run.processIdentifier, SIGKILL)
    run.waitUntilExit()
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("run"), "--steps", "1", "--workers", "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
  }

  @Test func sizesCannotChange() throws {
    #expect(try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")).status == 0)
    let refused = try SlateProgram.run("train", "--resume", folder.path("run"), "--d-model", "16")
    #expect(refused.status != 0)
    #expect(refused.errors.contains("sizes"))
  }

  private func metricsCount(_ run: String) throws -> Int {
    let path = folder.path("\(run)/metrics.jsonl")
    return FileManager.default.fileExists(atPath: path) ? try metrics(run).count : 0
  }
}
