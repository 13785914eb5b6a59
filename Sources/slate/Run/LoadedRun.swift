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

  private static let key = "run"

  var metadata: [String: String] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return [RunState.key: String(decoding: try encoder.encode(self), as: UTF8.self)]
    }
  }

  init(progress: Trainer.Progress, configuration: RunConfiguration, data: DataSource) {
    self.progress = progress
    self.configuration = configuration
    self.data = data
  }

  init(_ checkpoint: Checkpoint, path: String) throws {
    do {
      guard let text = checkpoint.metadata[RunState.key] else {
        throw RunError(
          path: path, reason: "it holds weights but no run",
          remedy: "bring published weights in with `slate import`")
      }
      self = try JSONDecoder().decode(RunState.self, from: Data(text.utf8))
      configuration = try configuration.validated()
    } catch let error as DecodingError {
      throw RunError(
        path: path, reason: "its description of the run cannot be read (\(error.shortDescription))",
        remedy: "use an earlier checkpoint")
    }
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
  /// - Throws: `RunError` or `SafetensorsError` naming the file and what is wrong with it.
  init(at path: String) throws {
    folder = RunFolder(url: URL(filePath: path, directoryHint: .isDirectory))
    guard FileManager.default.fileExists(atPath: folder.checkpoint.path) else {
      throw RunError(
        path: path, reason: "it holds no checkpoint.safetensors",
        remedy: "give the folder that `slate train --out` wrote")
    }
    checkpoint = try Checkpoint(contentsOf: folder.checkpoint)
    state = try RunState(checkpoint, path: folder.checkpoint.path)
    var generator = Philox(seed: state.configuration.seed)
    var model = SLATE(state.configuration.model, using: &generator)
    try checkpoint.restore(model)
    state.configuration.apply(to: &model)
    self.model = model
  }
}
