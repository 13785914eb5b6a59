import Foundation
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// The metadata of a run's checkpoint.
struct RunState: Codable, Equatable {
  /// The progress of the run.
  var progress: Trainer.Progress
  /// The configuration, which decides the computation.
  var configuration: RunConfiguration
  /// The source of the images.
  var data: DataSource
  /// A fingerprint of the images; nil for weights that were not trained by this program.
  var fingerprint: String?

  private static let key = "run"

  var metadata: SafetensorsMetadata {
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

  /// A description in which values that older runs did not write are added: these runs trained as
  /// published.
  private static func withLaterValues(_ json: Data) -> Data {
    guard
      var state = (try? JSONSerialization.jsonObject(with: json)) as? [String: Any],
      let written = state["configuration"] as? [String: Any]
    else { return json }
    state["configuration"] = written.merging(RunConfiguration.laterValues) { value, _ in value }
    return (try? JSONSerialization.data(withJSONObject: state)) ?? json
  }

  /// The state that a checkpoint holds.
  ///
  /// - Throws: `RunError` naming the file when the state is missing, makes no sense, or is not that
  ///   of a model with the checkpoint's tensors.
  init(_ checkpoint: Checkpoint, path: String) throws {
    func damaged(_ reason: String) -> RunError {
      RunError(
        path: path, reason: "its description of the run cannot be read (\(reason))",
        remedy: "copy the checkpoint again, or use an earlier one")
    }
    do {
      guard let text = checkpoint.metadata[RunState.key] else {
        throw RunError(
          path: path, reason: "it holds weights but no run",
          remedy: "bring published weights in with `slate import`")
      }
      guard text.utf8.count <= SmallFile.sizeLimit else {
        throw damaged(
          "it has \(text.utf8.count) bytes, more than the \(SmallFile.sizeLimit) that are read")
      }
      self = try JSONDecoder().decodeUntrusted(
        RunState.self, from: RunState.withLaterValues(Data(text.utf8)))
      configuration = try configuration.validated()
      data = try data.validated()
    } catch let error as DecodingError {
      throw damaged(error.shortDescription)
    } catch let error as ConfigurationError {
      throw damaged(error.description)
    }
    let counts = [progress.step, progress.epoch, progress.position]
    // Half of what a run may write, so that one that goes on writes what can be read.
    guard counts.allSatisfy({ (0...RunConfiguration.largestCount / 2).contains($0) }) else {
      throw damaged("step, epoch or position are out of range: \(counts)")
    }
    if let unreadable = progress.unreadable, !(0...progress.position).contains(unreadable) {
      throw damaged("\(unreadable) of \(progress.position) images cannot have been unreadable")
    }
    var sizes = configuration
    try sizes.readSizes(of: checkpoint, path: path)
    guard sizes == configuration else { throw damaged("it is that of a model of other sizes") }
    try checkpoint.expectHolds(configuration.model, path: path)
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
  /// - Throws: `RunError` or `SafetensorsError` naming the file and what is wrong with it. If the
  ///   checkpoint before it is whole, the error names that one too.
  init(at path: String) throws {
    let (folder, checkpoint) = try LoadedRun.located(at: path)
    do {
      try self.init(Checkpoint(contentsOf: checkpoint), in: folder, path: checkpoint.path)
    } catch let error as SafetensorsError {
      throw LoadedRun.pointing(
        RunError(path: error.path, reason: error.reason, remedy: error.remedy),
        toCheckpointBefore: checkpoint)
    } catch let error as RunError {
      throw LoadedRun.pointing(error, toCheckpointBefore: checkpoint)
    }
  }

  /// The error; if the checkpoint before the damaged one is whole, its remedy names that
  /// checkpoint.
  private static func pointing(_ error: RunError, toCheckpointBefore url: URL) -> RunError {
    let previous = Checkpoint.previous(of: url)
    guard Checkpoint.isWhole(previous) else { return error }
    return RunError(
      path: error.path, reason: error.reason,
      remedy:
        "the checkpoint before it, \(previous.lastPathComponent), is whole: go on from it with "
        + "`slate train --resume \(previous.relativePath.quotedForShell)`")
  }

  /// The folder of a run and the checkpoint, to which a path leads.
  ///
  /// - Parameter path: the run's folder, or one of the checkpoints in it.
  /// - Returns: the folder and the checkpoint.
  /// - Throws: `RunError` where there is no such file.
  static func located(at path: String) throws -> (folder: RunFolder, checkpoint: URL) {
    // A run's folder may have such a name too.
    let isFile = path.hasSuffix(".safetensors") && !isFolder(path)
    let url = URL(filePath: path)
    let folder = RunFolder(url: isFile ? url.deletingLastPathComponent() : url)
    let checkpoint = isFile ? url : folder.checkpoint
    guard FileManager.default.fileExists(atPath: checkpoint.path) else {
      let reason =
        if isFile || !FileManager.default.fileExists(atPath: path) {
          "there is no such \(isFile ? "file" : "folder")"
        } else if isFolder(path) {
          "it holds no checkpoint.safetensors"
        } else {
          "it is neither a run's folder nor a checkpoint"
        }
      throw pointing(
        RunError(path: path, reason: reason, remedy: "give the folder that `slate train` wrote"),
        toCheckpointBefore: checkpoint)
    }
    return (folder, checkpoint)
  }

  /// Opens the images of the run, or others.
  ///
  /// Warns if these are the run's own by name, but not those that it was trained on: images that were
  /// moved, in whose place others are found.
  ///
  /// - Parameter data: the source of the images, which options may have changed.
  /// - Returns: the images.
  /// - Throws: what opening the images throws.
  func open(_ data: DataSource) throws -> any ImageDataset {
    func opened(_ source: DataSource) throws -> any ImageDataset {
      try source.open(imageSize: state.configuration.imageSize, seed: state.configuration.seed)
    }
    let (images, own) = (try opened(data), state.data)
    guard state.fingerprint != nil, data.hasPlace(of: own) else { return images }
    // Options say how images are read, and with that what their fingerprint is.
    var found: (any ImageDataset)? = images
    if data != own { found = try? opened(own) }
    if let found, let warning = otherImages(found) {
      let lost = own.absolutePath.map { own.place == $0 ? "" : "; nothing is at \($0) any more" }
      Console.warn(warning + (lost ?? ""))
    }
    return images
  }

  /// A sentence that says that images are not those of the run; nil if they are, or if that is not
  /// known.
  func otherImages(_ images: any ImageDataset) -> String? {
    guard let former = state.fingerprint else { return nil }
    let found = images.fingerprint
    guard found != former else { return nil }
    return "\(images.description): these are not the images that \(folder.url.relativePath) was "
      + "trained on (fingerprint \(found), not \(former))"
  }

  /// The run that a checkpoint describes.
  ///
  /// - Parameters:
  ///   - checkpoint: the checkpoint.
  ///   - folder: the folder of the run.
  ///   - path: the name of the checkpoint in errors; default its name in a run's folder.
  /// - Throws: `RunError` or `SafetensorsError` naming the file and what is wrong with it.
  init(_ checkpoint: Checkpoint, in folder: RunFolder, path: String? = nil) throws {
    self.folder = folder
    self.checkpoint = checkpoint
    state = try RunState(checkpoint, path: path ?? folder.checkpoint.path)
    var generator = Philox(seed: state.configuration.seed)
    var model = SLATE(state.configuration.model, using: &generator)
    try checkpoint.restore(model)
    state.configuration.apply(to: &model)
    self.model = model
  }
}
