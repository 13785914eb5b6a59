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
  case choices

  /// What errors call the bytes.
  private static let place = "place-of-the-bytes"

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
    case .metrics: 64 << 20 + 64 * size
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
    }
  }

  /// The smallest model that a description of a run can belong to.
  private static let model: SLATE = {
    var generator = Philox(seed: 1)
    return SLATE(FuzzedParser.sizes.model, using: &generator)
  }()

  private static var sizes: RunConfiguration {
    var sizes = Preset.quickstart.configuration
    sizes.imageSize = 16
    sizes.vocabSize = 8
    sizes.dvaeWidth = 64
    (sizes.dModel, sizes.slotSize, sizes.mlpHiddenSize) = (8, 8, 8)
    (sizes.numDecBlocks, sizes.numHeads, sizes.numSlots) = (1, 2, 2)
    return sizes
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

  /// A ShapeStacks of one scenario, and room for single files.
  private static let folder: URL = {
    let parent = temporaryFolder?.url ?? FileManager.default.temporaryDirectory
    let root = parent.appending(path: place)
    for inner in ["recordings/s1", "splits/default", "iseg/s1"] {
      try? FileManager.default.createDirectory(
        at: root.appending(path: inner), withIntermediateDirectories: true)
    }
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
