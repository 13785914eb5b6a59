import Foundation
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// What a checkpoint of a run holds besides tensors.
struct RunState: Codable, Equatable {
  /// How far the run has come.
  var progress: Trainer.Progress
  /// What decides the computation.
  var configuration: RunConfiguration
  /// Where the images come from.
  var data: DataSource
  /// What the images were; nil for weights that were not trained here.
  var fingerprint: String?

  private static let key = "run"

  var metadata: [String: String] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return [RunState.key: String(decoding: try encoder.encode(self), as: UTF8.self)]
    }
  }

  init(
    progress: Trainer.Progress, configuration: RunConfiguration, data: DataSource,
    fingerprint: String? = nil
  ) {
    self.progress = progress
    self.configuration = configuration
    self.data = data
    self.fingerprint = fingerprint
  }

  /// The state that a checkpoint holds.
  ///
  /// - Throws: `RunError` naming the file when there is none, it makes no sense, or it is not that of
  ///   a model with the checkpoint's tensors.
  init(_ checkpoint: Checkpoint, path: String) throws {
    func damaged(_ reason: String) -> RunError {
      RunError(
        path: path, reason: "its description of the run cannot be read (\(reason))",
        remedy: "go on from the checkpoint before it: --resume RUN/checkpoint.previous.safetensors")
    }
    do {
      guard let text = checkpoint.metadata[RunState.key] else {
        throw RunError(
          path: path, reason: "it holds weights but no run",
          remedy: "bring published weights in with `slate import`")
      }
      self = try JSONDecoder().decode(RunState.self, from: Data(text.utf8))
      configuration = try configuration.validated()
    } catch let error as DecodingError {
      throw damaged(error.shortDescription)
    } catch let error as ConfigurationError {
      throw damaged(error.description)
    }
    let counts = [progress.step, progress.epoch, progress.position]
    guard counts.allSatisfy({ (0...RunConfiguration.largestCount).contains($0) }) else {
      throw damaged("step, epoch or position are out of range: \(counts)")
    }
    var sizes = configuration
    try sizes.readSizes(of: checkpoint, path: path)
    guard sizes == configuration else { throw damaged("it is that of a model of other sizes") }
  }
}

/// A run read back from its folder.
struct LoadedRun {
  let folder: RunFolder
  let state: RunState
  let checkpoint: Checkpoint
  let model: SLATE

  /// Reads the checkpoint of a run.
  ///
  /// - Parameter path: the run's folder, or one of the checkpoints in it.
  /// - Throws: `RunError` or `SafetensorsError` naming the file and what is wrong with it.
  init(at path: String) throws {
    let isFile = path.hasSuffix(".safetensors")
    let url = URL(filePath: path)
    let folder = RunFolder(url: isFile ? url.deletingLastPathComponent() : url)
    let checkpoint = isFile ? url : folder.checkpoint
    guard FileManager.default.fileExists(atPath: checkpoint.path) else {
      throw RunError(
        path: path, reason: isFile ? "there is no such file" : "it holds no checkpoint.safetensors",
        remedy: "give the folder that `slate train --out` wrote")
    }
    try self.init(Checkpoint(contentsOf: checkpoint), in: folder)
  }

  /// The run that a checkpoint describes.
  ///
  /// - Throws: `RunError` or `SafetensorsError` naming the file and what is wrong with it.
  init(_ checkpoint: Checkpoint, in folder: RunFolder) throws {
    self.folder = folder
    self.checkpoint = checkpoint
    state = try RunState(checkpoint, path: folder.checkpoint.path)
    var generator = Philox(seed: state.configuration.seed)
    var model = SLATE(state.configuration.model, using: &generator)
    try checkpoint.restore(model)
    state.configuration.apply(to: &model)
    self.model = model
  }
}
