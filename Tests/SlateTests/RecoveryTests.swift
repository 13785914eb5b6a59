import Foundation
import Images
import Tensors
import TestFolders
import Testing
import Training

/// Checkpoints that are damaged or gone, and what is used in their place.
@Suite struct RecoveryTests {
  private let folder: TemporaryFolder
  private let run: String

  init() throws {
    folder = try TemporaryFolder()
    run = folder.path("my run")
  }

  private var checkpoint: URL { folder.url.appending(path: "my run/checkpoint.safetensors") }
  private var previous: URL { Checkpoint.previous(of: checkpoint) }

  private func train(_ steps: Int) throws {
    let trained = try SlateProgram.trainTiny("--steps", "\(steps)", "--val-every", "2", out: run)
    #expect(trained.status == 0, "\(trained.errors)")
  }

  @Test("a checkpoint that is damaged or gone is named with the one before it, and the command")
  func pointing() throws {
    try train(4)
    let whole = try Data(contentsOf: checkpoint)
    let command = "slate train --resume '\(previous.path)'"
    for damage in ["cut", "flip", "gone"] {
      switch damage {
      case "cut": try whole.prefix(3000).write(to: checkpoint)
      case "flip":
        var flipped = whole
        flipped[flipped.count - 100] ^= 4
        try flipped.write(to: checkpoint)
      default: try FileManager.default.removeItem(at: checkpoint)
      }
      for arguments in [["evaluate", run], ["train", "--resume", run]] {
        let refused = try SlateProgram.run(arguments)
        #expect(refused.status == 1)
        #expect(refused.errors.contains(command), "\(damage): \(refused.errors)")
      }
      let again = try SlateProgram.trainTiny("--steps", "4", out: run)
      #expect(again.status == 1 && again.errors.contains("already holds a run"))
    }
    let printed = try SlateProgram.shell("\"$1\" \(command.dropFirst(6)) --steps 5", [])
    #expect(printed.output.contains("continued after step 2"), "\(printed.errors)")
    // Where the one before it is damaged too, nobody is sent there.
    try Data(whole.prefix(3000)).write(to: checkpoint)
    try Data(whole.prefix(3000)).write(to: previous)
    let lost = try SlateProgram.run("train", "--resume", run)
    #expect(lost.status == 1 && !lost.errors.contains("previous"), "\(lost.errors)")
  }

  @Test("a damaged checkpoint never takes the place of the good one before it")
  func theGoodCopyStays() throws {
    try train(4)
    try Data(contentsOf: checkpoint).prefix(3000).write(to: checkpoint)
    let good = try Data(contentsOf: previous)
    try Checkpoint(contentsOf: previous).write(to: checkpoint)
    #expect(try Data(contentsOf: previous) == good)
    #expect(try Data(contentsOf: checkpoint) == good)
    // The next one keeps the one before it again.
    try Checkpoint(contentsOf: previous).write(to: checkpoint)
    #expect(Checkpoint.isWhole(checkpoint) && Checkpoint.isWhole(previous))
  }

  @Test("a run saves what it has learned before it ends because images are gone")
  func imagesThatVanish() throws {
    try writeImages(40, folder, "images")
    let train = ["--data", folder.path("images"), "--val-every", "50", "--num-workers", "1"]
    let process = try SlateProgram.startTraining(
      train + ["--steps", "1000000"], out: run, errors: Pipe())
    while try process.isRunning && lastStep(run) < 3 { usleep(5_000) }
    try FileManager.default.moveItem(atPath: folder.path("images"), toPath: folder.path("gone"))
    for _ in 0..<6000 where process.isRunning { usleep(10_000) }
    #expect(!process.isRunning && process.terminationStatus == 1)
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    let last = try lastStep(run)
    #expect(last >= 50 && last % 50 == 0)
    #expect(try stepOfCheckpoint(run) == last)
    // And goes on as if nothing had been.
    try FileManager.default.moveItem(atPath: folder.path("gone"), toPath: folder.path("images"))
    let resumed = try SlateProgram.run(
      "train", "--resume", run, "--steps", "\(last + 3)", "--workers", "2")
    #expect(resumed.status == 0, "\(resumed.errors)")
    let whole = try SlateProgram.trainTiny(
      train + ["--steps", "\(last + 3)"], out: folder.path("whole"))
    #expect(whole.status == 0, "\(whole.errors)")
    #expect(try folder.metrics("my run") == folder.metrics("whole"))
    #expect(try folder.checkpointTensors("my run") == folder.checkpointTensors("whole"))
  }

  @Test("what stands where a checkpoint is to be written is named")
  func inTheWay() throws {
    try train(4)
    let folders = ["checkpoint.safetensors.tmp", "checkpoint.previous.safetensors"]
    for name in folders {
      let url = folder.url.appending(path: "my run/\(name)")
      try? FileManager.default.removeItem(at: url)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
      let refused = try SlateProgram.run("train", "--resume", run, "--steps", "5")
      #expect(refused.status == 1)
      #expect(
        refused.errors.contains("it cannot be written (\(name) is a folder)"), "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: previous.path + ".tmp"))
      try FileManager.default.removeItem(at: url)
    }
  }

  @Test("a model that cannot be changed is named by its option")
  func otherModel() throws {
    try train(2)
    for (option, former, wanted) in [("--dropout", "0", "0.5"), ("--num-slots", "2", "3")] {
      let refused = try SlateProgram.run("train", "--resume", run, option, wanted)
      #expect(refused.status == 1)
      #expect(
        refused.errors.contains("\(option) is \(former), and would now be \(wanted)"),
        "\(refused.errors)")
    }
  }

  @Test("a finished run that lost its picture draws it again")
  func picture() throws {
    try train(2)
    let picture = folder.url.appending(path: "my run/reconstructions.png")
    try FileManager.default.removeItem(at: picture)
    let resumed = try SlateProgram.run("train", "--resume", run, "--workers", "2")
    #expect(resumed.output.contains("reconstructions.png"))
    #expect(try Image(contentsOf: picture).width > 0)
  }

  @Test(
    "numbers that are not finite are named by whatever reads them",
    arguments: [("out.weight", true), ("optimizer.exp_avg.out.weight", false)],
    [Float.nan, .infinity])
  func notFinite(_ tensor: (name: String, isWeight: Bool), _ number: Float) throws {
    let (name, isWeight) = tensor
    try train(2)
    let file = try SafetensorsFile(contentsOf: checkpoint)
    let tensors = file.entries.map { entry -> (name: String, tensor: Tensor) in
      var numbers = entry.tensor.floats
      if entry.name == name { numbers[numbers.count / 2] = number }
      return (entry.name, Tensor(numbers, shape: Shape(entry.shape)))
    }
    try SafetensorsFile(
      tensors, metadata: file.metadata.filter { $0.key == "run" || $0.key == "optimizer.step" }
    )
    .write(to: checkpoint)
    let published = folder.url.appending(path: "published.safetensors")
    try SafetensorsFile(tensors.filter { !$0.name.hasPrefix("optimizer") }).write(to: published)
    let evaluated = try SlateProgram.run("evaluate", run)
    #expect((evaluated.status == 1) == isWeight)
    let resumed = try SlateProgram.run("train", "--resume", run, "--steps", "3", "--workers", "2")
    #expect(resumed.status == 1)
    var refusals = [resumed]
    if isWeight {
      refusals += [
        evaluated,
        try SlateProgram.run(
          "import", published.path, "--num-slots", "2", "--num-heads", "2", "--out",
          folder.path("imported")),
      ]
    }
    for refused in refusals {
      #expect(refused.status == 1)
      #expect(
        refused.errors.contains("'\(name)' holds numbers that are not finite"), "\(refused.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("imported")))
  }

  @Test("every changed bit of a checkpoint is noticed, and its tensor named")
  func flips() throws {
    try train(2)
    let whole = try Data(contentsOf: checkpoint)
    let start = 8 + Int(whole.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    var generator = Philox(seed: 5)
    for trial in 0..<30 {
      var flipped = whole
      let place = start + Int(generator.next() % UInt64(whole.count - start))
      flipped[place] ^= 1 << UInt8(generator.next() % 8)
      try flipped.write(to: checkpoint)
      #expect(throws: SafetensorsError.self, "byte \(place)") {
        try Checkpoint(contentsOf: checkpoint).verify()
      }
      guard trial % 10 == 0 else { continue }
      let refused = try SlateProgram.run("train", "--resume", run)
      #expect(
        refused.status == 1 && refused.errors.contains("the numbers of '"), "\(refused.errors)")
    }
    // The metadata too: the number of the step.
    let text = try #require(whole.firstRange(of: Data("\\\"step\\\":2".utf8)))
    var later = whole
    later[text.upperBound - 1] = UInt8(ascii: "3")
    try later.write(to: checkpoint)
    let refused = try SlateProgram.run("train", "--resume", run)
    #expect(refused.status == 1 && refused.errors.contains("metadata have changed"))
  }
}
