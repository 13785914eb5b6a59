import ArgumentParser
import Foundation
import Images
import NeuralLayers
import ObjectCentric
import Tensors
import TestFolders

@testable import Training
@testable import slate

/// What reads bytes that somebody else wrote.
///
/// `read` returns for bytes that make sense and for those that are refused with an error that names
/// them; everything else, a trap, an error that says nothing, memory or time out of proportion, is a
/// finding.
enum FuzzedParser: String, CaseIterable, Sendable {
  case jpeg, png, mask, safetensors, statistics, numpy, configuration, run, metrics, shapestacks
  case choices, measurements, experiment, sizes, slots, words

  /// What errors call the bytes.
  private static let place = "place-of-the-bytes"

  /// The error of a command line, which names no file.
  private struct RefusedWords: Error, CustomStringConvertible {
    let text: String
    var description: String { "\(FuzzedParser.place): \(text)" }
  }

  /// Whether the bytes make sense.
  @discardableResult
  func read(_ bytes: [UInt8]) -> Bool {
    do {
      try parse(bytes)
      return true
    } catch let error as ConfigurationError {
      expectSaid(error.description, "--")
    } catch {
      expectSaid("\(error)", FuzzedParser.place)
    }
    return false
  }

  /// The most bytes that reading `size` of them may take at once, as SECURITY.md promises.
  func mostBytes(reading size: Int) -> Int {
    switch self {
    case .jpeg, .png, .mask: size + max(64 << 20, 256 * size)
    case .metrics, .measurements: 64 << 20 + 64 * size
    default: 64 << 20 + size
    }
  }

  private func expectSaid(_ text: String, _ name: String) {
    if !text.contains(name) { fatalError("the error does not say what is wrong: \(text)") }
  }

  private func parse(_ bytes: [UInt8]) throws {
    let place = FuzzedParser.place
    switch self {
    case .jpeg, .png:
      _ = try Image(encoded: bytes, path: place, appliesOrientation: true)
    case .mask:
      // The length decides how objects are told apart.
      let mask = try SegmentationMask(
        encoded: bytes, path: place,
        encoding: bytes.count % 2 == 0 ? .values(ignoring: 255) : .redChannel,
        appliesOrientation: true)
      _ = mask.resizedShortSide(to: 8).objectCount
    case .safetensors:
      let file = try SafetensorsFile(Data(bytes), path: place)
      for entry in file.entries { _ = try file.tensor(entry.name) }
    case .statistics:
      try withFile("statistics.safetensors", bytes) { _ = try KeptStatistics(contentsOf: $0.path) }
    case .numpy:
      try withFile("statistics.npz", bytes) { _ = try KeptStatistics(contentsOf: $0.path) }
    case .configuration:
      let read = try Preset.quickstart.configuration.replacing(
        withJSON: Data(bytes), path: place)
      _ = read.model
    case .run:
      let checkpoint = Checkpoint(
        of: FuzzedParser.model,
        metadata: ["run": String(decoding: bytes, as: UTF8.self), "optimizer.step": "1"])
      let loaded = try LoadedRun(checkpoint, in: RunFolder(url: URL(filePath: place)))
      let data = GeneratedScenes(imageSize: loaded.state.configuration.imageSize, held: 1)
      let loader = BatchLoader(data, batchSize: 4, seed: 1, dropsLast: true)
      _ = try Trainer(
        resuming: loaded, configuration: loaded.state.configuration, loader: loader)
    case .metrics:
      try withFile("metrics.jsonl", bytes) { _ = try MetricsLog.read($0) }
    case .shapestacks:
      try withFile("splits/default/train.txt", bytes) { file in
        let folder = file.deletingLastPathComponent().deletingLastPathComponent()
          .deletingLastPathComponent()
        let data = try ImageFolder.shapeStacks(folder, imageSize: 8)
        for index in 0..<min(3, data.count(of: .train)) { _ = try? data.mask(index, of: .train) }
      }
    case .choices:
      let text = String(decoding: bytes, as: UTF8.self)
      if let solver = SolverChoice(text) { _ = solver.solver }
      if let gradient = GradientChoice(text) { _ = gradient.estimator }
    case .measurements:
      try readTable(bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false))
    case .experiment:
      try withFile("experiment/experiment.json", bytes) { _ in
        _ = try ExperimentFolder(FuzzedParser.plan)
      }
    case .sizes:
      try withFile("weights.safetensors", bytes) { file in
        var published = Preset.shapes3d.configuration
        let checkpoint = try Checkpoint(contentsOf: file)
        try published.readSizes(of: checkpoint, path: file.path)
        try checkpoint.expectHolds(published.validated().model, path: file.path)
      }
    case .slots:
      try withFile(SlotFile.name, bytes) { file in
        let run = try FuzzedParser.loadedRun.get()
        let slots = try SlotFile.slots(at: file.path, for: run)
        guard slots.shape[0] > 0, slots.shape[1] > 0 else { return }
        let size = run.state.configuration.imageSize
        let picture = run.model.composed(slots[0, 0].reshaped([1, 1, slots.shape[2]]))
        _ = try Image(picture.reshaped([size, size, 3]), of: "the composed picture")
      }
    case .words:
      // The words are of the user's own making: no more of them than anybody would write.
      let words = String(decoding: bytes, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false
      ).prefix(64).map(String.init)
      do {
        _ = try Slate.parseAsRoot(CommandLineWords(words, of: Slate.self).words)
      } catch {
        let text = Slate.fullMessage(for: error)
        if text.isEmpty { fatalError("the error does not say what is wrong: \(error)") }
        // A request for help is an "error" too.
        if Slate.exitCode(for: error) != .success { throw RefusedWords(text: text) }
      }
    }
  }

  /// What `slate table` makes of a run with these metrics.jsonl, scores.json and run.json; those that are
  /// left out are missing.
  private func readTable(_ files: [ArraySlice<UInt8>]) throws {
    let folder = FuzzedParser.folder.appending(path: "run")
    for (position, name) in ["metrics.jsonl", "scores.json", "run.json"].enumerated() {
      let file = folder.appending(path: name)
      if position < files.count {
        try Data(files[position]).write(to: file)
      } else {
        try? FileManager.default.removeItem(at: file)
      }
    }
    // Twice, so that there is something to take means and deviations of.
    let runs = try (0..<2).map { _ in try TabledRun(folder.path, evaluating: false) }
    let names = TabledRun.names(of: runs)
    var values = runs[0].measured.values
    values["at"] = runs[0].measured.entropy(after: 2) ?? runs[0].measured.entropy(afterSeconds: 1)
    let table = SeedTable(
      groups: [names[0]],
      columns: values.keys.sorted().prefix(20).map { .init(key: $0, title: $0) },
      entries: zip(runs, names).map { run, name in
        .init(group: name, seed: run.configuration.seed, failure: run.failure, values: values)
      })
    _ = (table.markdown, table.csv, try snakeCaseJSON(table.rows))
  }

  /// An experiment of one run.
  private static var plan: ExperimentPlan {
    get throws {
      try ExperimentPlan(
        Experiment(
          name: "one", shows: "One run.", source: "",
          arms: { [Arm("only", $0.base, $0.source, group: "only", x: 1)] },
          quantities: [.crossEntropy]),
        ExperimentSetting(), seeds: 1, folder: folder.appending(path: "experiment"))
    }
  }

  /// A run of the smallest model.
  private static let loadedRun = Result {
    let state = RunState(progress: .init(), configuration: smallest, data: DataSource())
    return try LoadedRun(
      Checkpoint(of: model, optimizer: Adam(), metadata: state.metadata),
      in: RunFolder(url: URL(filePath: place)))
  }

  /// The smallest model that a description of a run can belong to.
  private static let model: SLATE = {
    var generator = Philox(seed: 1)
    return SLATE(FuzzedParser.smallest.model, using: &generator)
  }()

  private static var smallest: RunConfiguration {
    var smallest = Preset.quickstart.configuration
    smallest.imageSize = 16
    smallest.vocabSize = 8
    smallest.dvaeWidth = 64
    (smallest.dModel, smallest.slotSize, smallest.mlpHiddenSize) = (8, 8, 8)
    (smallest.numDecBlocks, smallest.numHeads, smallest.numSlots) = (1, 2, 2)
    return smallest
  }

  /// Calls `body` with a file in a folder that also has what the other parsers of folders need.
  private func withFile(_ name: String, _ bytes: [UInt8], _ body: (URL) throws -> Void) throws {
    let file = FuzzedParser.folder.appending(path: name)
    try Data(bytes).write(to: file)
    try body(file)
  }

  /// Lives as long as the process, and is removed when that exits.
  private static let temporaryFolder: TemporaryFolder? = {
    let folder = try? TemporaryFolder()
    atexit {
      if let url = FuzzedParser.temporaryFolder?.url {
        try? FileManager.default.removeItem(at: url)
      }
    }
    return folder
  }()

  /// A ShapeStacks of one scenario, a run without measurements, and room for single files.
  private static let folder: URL = {
    let parent = temporaryFolder?.url ?? FileManager.default.temporaryDirectory
    let root = parent.appending(path: place)
    for inner in ["recordings/s1", "splits/default", "iseg/s1", "experiment", "run"] {
      try? FileManager.default.createDirectory(
        at: root.appending(path: inner), withIntermediateDirectories: true)
    }
    var configuration = Preset.quickstart.configuration
    configuration.steps = 2
    try? Data(configuration.json().utf8).write(to: root.appending(path: "run/config.json"))
    let picture = try? Image(width: 4, height: 4).pngData()
    for name in [
      "recordings/s1/rgb-w=0-f=0-l=0-c=original-cam_1-mono-0.png",
      "iseg/s1/iseg-w=0-f=0-l=0-c=original-cam_1-mono-0.map",
    ] {
      try? picture?.write(to: root.appending(path: name))
    }
    for list in ["eval", "test"] {
      try? Data("s1\n".utf8).write(to: root.appending(path: "splits/default/\(list).txt"))
    }
    return root
  }()
}
