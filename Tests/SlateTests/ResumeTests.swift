import Foundation
import TestFolders
import Testing

/// A run that was interrupted goes on to bitwise the same numbers.
@Suite struct ResumeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func metrics(_ run: String) throws -> [String] { try folder.metrics(run) }

  @Test(
    "in the middle of an epoch, at its end and beyond, with every kind of state",
    arguments: [
      (3, ["--patience", "1", "--dropout", "0.2", "--clip", "1"]),
      (
        8, ["--patience", "1", "--accumulate", "2", "--slot-init", "learned", "--straight-through"]
      ),
      (10, ["--patience", "1", "--gradient", "unrolled", "--hard", "--lr-warmup-steps", "20"]),
    ])
  func resuming(after step: Int, _ options: [String]) throws {
    // 35 training images of 50: 8 batches of 4.
    try writeImages(50, folder, "images")
    let options = options + ["--data", folder.path("images"), "--lr-main", "0.3"]
    #expect(
      try SlateProgram.trainTiny(options + ["--steps", "14"], out: folder.path("whole")).status
        == 0)
    #expect(
      try SlateProgram.trainTiny(options + ["--steps", "\(step)"], out: folder.path("parts")).status
        == 0)
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("parts"), "--steps", "14", "--workers", "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(resumed.output.contains("continued after step \(step)"))
    let lines = try (whole: metrics("whole"), parts: metrics("parts"))
    // The first part measured the validation images at its end.
    let extra = "{\"step\": \(step), \"val_"
    #expect(
      lines.parts.filter { !$0.hasPrefix(extra) } == lines.whole.filter { !$0.hasPrefix(extra) })
    #expect(Set(lines.parts).count == lines.parts.count)
    #expect(try folder.checkpointTensors("parts") == folder.checkpointTensors("whole"))
    // The rates have been halved on the way: the state of the decay matters.
    #expect(
      lines.whole.last { $0.contains("\"lr_main\"") }?.contains("\"lr_dvae\": 0.0003,") == false)
  }

  @Test(
    "an interrupt saves the step it finished, wherever validations are",
    arguments: [SIGINT, SIGTERM], [1, 3])
  func interrupted(_ signal: Int32, _ interval: Int) throws {
    let run = try SlateProgram.startTraining(
      "--steps", "100000", "--val-every", "\(interval)", out: folder.path("run"))
    while try run.isRunning && trainingLines("run") < 5 { usleep(20_000) }
    kill(run.processIdentifier, signal)
    run.waitUntilExit()
    #expect(run.terminationStatus == 0)
    let steps = try trainingLines("run")
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("run"), "--steps", "\(steps + 2)", "--workers", "2")
    #expect(resumed.output.contains("continued after step \(steps)"), "\(resumed.output)")
    #expect(
      try SlateProgram.trainTiny(
        "--steps", "\(steps + 2)", "--val-every", "\(interval)", out: folder.path("whole")
      ).status == 0)
    #expect(try metrics("run") == metrics("whole"))
    #expect(try folder.checkpointTensors("run") == folder.checkpointTensors("whole"))
  }

  @Test(
    "an interrupt during validation saves, and says how to resume", arguments: [SIGINT, SIGTERM])
  func interruptedValidation(_ signal: Int32) throws {
    // A thousand iterations, so that a validation lasts some tenths of a second.
    let options = ["--val-every", "3", "--val-images", "250", "--iterations", "1000"]
    let output = Pipe()
    let run = try SlateProgram.startTraining(
      options + ["--steps", "6"], out: folder.path("run"), output: output)
    while try run.isRunning && trainingLines("run") < 3 { usleep(1_000) }
    // The third step is done and the validation after it under way.
    usleep(20_000)
    kill(run.processIdentifier, signal)
    run.waitUntilExit()
    #expect(run.terminationStatus == 0 && run.terminationReason == .exit)
    let printed = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    #expect(
      printed.contains(
        "stopped after step 3; go on with: slate train --resume \(folder.path("run"))"),
      "\(printed)")
    let lines = try metrics("run")
    #expect(lines.count { $0.contains("\"val_") } == 1, "it was not during validation: \(lines)")
    #expect(lines.count { $0.contains("\"loss\"") } == 3)

    let resumed = try SlateProgram.run("train", "--resume", folder.path("run"), "--workers", "2")
    #expect(resumed.output.contains("continued after step 3"), "\(resumed.errors)")
    #expect(
      try SlateProgram.trainTiny(options + ["--steps", "6"], out: folder.path("whole")).status == 0)
    #expect(try metrics("run") == metrics("whole"))
    #expect(try folder.checkpointTensors("run") == folder.checkpointTensors("whole"))
  }

  @Test("a run that trains is not resumed by another process, and its reader is not disturbed")
  func heldByAnother() throws {
    let path = folder.path("run")
    let run = try SlateProgram.startTraining("--steps", "100000", "--val-every", "1", out: path)
    while try run.isRunning && trainingLines("run") < 2 { usleep(5_000) }
    for arguments in [["--resume", path], ["--out", path]] {
      let refused = try SlateProgram.run(["train"] + arguments)
      #expect(refused.status == 1)
      for text in [path, "process \(run.processIdentifier) ", "kill \(run.processIdentifier)"] {
        #expect(refused.errors.contains(text), "\(refused.errors)")
      }
    }
    #expect(try SlateProgram.run("evaluate", path).status == 0)
    #expect(run.isRunning)
    // The lock ends with the process, however it ends.
    kill(run.processIdentifier, SIGKILL)
    run.waitUntilExit()
    let resumed = try SlateProgram.run("train", "--resume", path, "--steps", "1", "--workers", "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
  }

  @Test("runs that start at the same time without a name get a folder each")
  func unnamed() throws {
    let runs = try (0..<4).map { _ in
      try SlateProgram.startTraining("--steps", "1", in: folder.url)
    }
    for run in runs {
      run.waitUntilExit()
      #expect(run.terminationStatus == 0)
    }
    let made = try FileManager.default.contentsOfDirectory(atPath: folder.path("runs")).sorted()
    #expect(made == ["slate-001", "slate-002", "slate-003", "slate-004"])
    for name in made {
      #expect(
        FileManager.default.fileExists(atPath: folder.path("runs/\(name)/checkpoint.safetensors")))
    }
  }

  @Test("a run that is killed at any moment can be resumed", arguments: 0..<8)
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

  @Test("the checkpoint before a damaged one, which is named")
  func previous() throws {
    let options = ["--val-every", "2", "--patience", "1"]
    #expect(
      try SlateProgram.trainTiny(options + ["--steps", "6"], out: folder.path("run")).status == 0)
    #expect(
      try SlateProgram.trainTiny(options + ["--steps", "8"], out: folder.path("whole")).status == 0)
    let damaged = folder.url.appending(path: "run/checkpoint.safetensors")
    try Data(contentsOf: damaged).prefix(1000).write(to: damaged)
    let refused = try SlateProgram.run("train", "--resume", folder.path("run"))
    #expect(refused.status == 1 && refused.errors.contains(damaged.path), "\(refused.errors)")
    let resumed = try SlateProgram.run(
      "train", "--resume", folder.path("run/checkpoint.previous.safetensors"), "--steps", "8",
      "--workers", "2")
    #expect(resumed.output.contains("continued after step 4"), "\(resumed.errors)")
    #expect(try metrics("run") == metrics("whole"))
    #expect(try folder.checkpointTensors("run") == folder.checkpointTensors("whole"))
  }

  @Test func sizesCannotChange() throws {
    #expect(try SlateProgram.trainTiny("--steps", "1", out: folder.path("run")).status == 0)
    let refused = try SlateProgram.run("train", "--resume", folder.path("run"), "--d-model", "16")
    #expect(refused.status != 0)
    #expect(refused.errors.contains("--d-model is 8, and would now be 16"), "\(refused.errors)")
  }

  private func trainingLines(_ run: String) throws -> Int {
    let path = folder.path("\(run)/metrics.jsonl")
    guard FileManager.default.fileExists(atPath: path) else { return 0 }
    return try metrics(run).count { $0.contains("\"loss\"") }
  }
}
