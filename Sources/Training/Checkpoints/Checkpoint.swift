import Foundation
import NeuralLayers
import Tensors

/// A model, its optimiser and its counters in one safetensors file.
///
/// ```swift
/// try Checkpoint(of: model, optimizer: optimizer, metadata: ["step": "300"]).write(to: url)
/// let checkpoint = try Checkpoint(contentsOf: url)
/// try checkpoint.restore(model)
/// try checkpoint.restore(&optimizer, for: model)
/// ```
/// Parameters are stored under their own names; a shared parameter is stored under each of its
/// names. The tensors of the optimiser are stored under `optimizer.exp_avg.NAME` and the like, its
/// step count in the metadata, and an average of the weights under `average.NAME`. Checksums of all
/// tensors and of the metadata are written with them, and compared before a tensor is used; tensors
/// that are not finite are refused too.
///
/// Files of other programs can be used as checkpoints under their own names: `part(under:)` and
/// `renamed(_:)` give their tensors the names of your model.
public struct Checkpoint: Sendable {
  /// The strings of the run: counters and configuration.
  public let metadata: SafetensorsMetadata
  /// The file that was read, or that is to be written.
  let file: SafetensorsFile
  /// The tensors of the file, under the names by which they are asked for.
  let names: CheckpointNames
  /// The name of the file in errors.
  let path: String
  private let checksums: CheckpointChecksums

  static let averagePrefix = "average."
  static let averageStepKey = "average.step"

  /// A checkpoint of a model, with its optimiser and an average if they are given.
  ///
  /// - Parameters:
  ///   - model: the model, whose parameters and untrained state are stored.
  ///   - optimizer: its optimiser; default none.
  ///   - average: an average of the weights; default none.
  ///   - metadata: other strings that belong to the run; default none.
  ///
  /// Stops when a parameter's name begins with `optimizer.` or `average.`, because the names of the
  /// other tensors begin so.
  public init(
    of model: some Module, optimizer: (any Optimizer)? = nil,
    average: ExponentialMovingAverage? = nil, metadata: SafetensorsMetadata = [:]
  ) {
    let parameters = model.namedParameters.eachOnce
    CheckpointNames.expectNoReserved(parameters.flatMap(\.names))
    var tensors = parameters.flatMap { entry in
      entry.names.map { (name: $0, tensor: entry.parameter.tensor) }
    }
    var metadata = metadata
    if let optimizer {
      let saved = SavedOptimizer(optimizer, parameters: parameters)
      tensors += saved.tensors
      for (key, value) in saved.metadata { metadata[key] = value }
    }
    if let average {
      tensors += average.averages.sorted { $0.key < $1.key }
        .map { (name: Checkpoint.averagePrefix + $0.key, tensor: $0.value) }
      metadata[Checkpoint.averageStepKey] = String(average.stepCount)
    }
    metadata[CheckpointChecksums.key] = nil
    self.metadata = metadata
    let entries = tensors.map { SafetensorsFile.Entry($0.name, $0.tensor) }
    metadata[CheckpointChecksums.key] = CheckpointChecksums.text(entries, metadata)
    file = SafetensorsFile(entries, metadata: metadata)
    names = CheckpointNames(file)
    checksums = CheckpointChecksums(metadata)
    path = "(unsaved)"
  }

  /// Reads a checkpoint.
  ///
  /// - Throws: `SafetensorsError` naming the file when it is missing or damaged.
  public init(contentsOf url: URL) throws {
    file = try SafetensorsFile(contentsOf: url)
    names = CheckpointNames(file)
    metadata = file.metadata.filter { $0.key != CheckpointChecksums.key }
    checksums = CheckpointChecksums(file.metadata)
    path = url.path
  }

  /// The same file, seen under other names.
  init(_ other: Checkpoint, names: CheckpointNames) {
    metadata = other.metadata
    file = other.file
    self.names = names
    checksums = other.checksums
    path = other.path
  }

  /// Compares the tensors and the metadata with the checksums that were written with them, if there
  /// are any.
  ///
  /// - Throws: `SafetensorsError` naming the first tensor that has changed.
  public func verify() throws {
    if let damage = checksums.damage(file.entries, metadata) {
      throw SafetensorsError(
        path: path, reason: "it is damaged: \(damage)",
        remedy: "copy it again, or use an earlier checkpoint; if the change was intended, remove "
          + "'\(CheckpointChecksums.key)' from the metadata")
    }
  }

  /// The shapes of the model's tensors by their names.
  public var shapes: [String: Shape] {
    Dictionary(
      names.entries.filter { $0.kind == nil }.map { ($0.name, Shape($0.entry.shape)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Writes the whole file or, on failure, nothing.
  ///
  /// An older file of that name is kept beside it as `NAME.previous.safetensors`, so that one of
  /// the two is complete at every moment. An older file that is damaged is not kept, because the
  /// file before it may be whole.
  ///
  /// A checkpoint that was read and renamed is written as it was read.
  ///
  /// - Throws: `SafetensorsError` naming the path, for example when the disk is full.
  public func write(to url: URL) throws {
    try file.write(
      to: url, keepingPreviousAt: Checkpoint.isWhole(url) ? Checkpoint.previous(of: url) : nil)
  }

  /// Whether the file exists and is undamaged.
  public static func isWhole(_ url: URL) -> Bool {
    do {
      try Checkpoint(contentsOf: url).verify()
      return true
    } catch {
      return false
    }
  }

  /// Where the checkpoint before the one at `url` is kept.
  public static func previous(of url: URL) -> URL {
    url.deletingPathExtension().appendingPathExtension("previous.safetensors")
  }
}
