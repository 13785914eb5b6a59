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
/// Parameters carry their own names, a shared one each of its names; what the optimiser keeps stands
/// under `optimizer.exp_avg.NAME` and the like, its step count in the metadata, and an average of the
/// weights under `average.NAME`. Checksums of all tensors and of the metadata are written with them,
/// and compared before a tensor is used; numbers that are not finite are refused too.
///
/// Files of others are checkpoints as well, under their own names: `part(under:)` and `renamed(_:)`
/// show a checkpoint as a model of yours names it.
public struct Checkpoint: Sendable {
  /// What belongs to the run: counters, configuration.
  public let metadata: SafetensorsMetadata
  /// What was read, or is to be written.
  let file: SafetensorsFile
  /// The tensors of the file under the names that they are asked for by.
  let names: CheckpointNames
  /// What errors call the file.
  let path: String
  private let checksums: CheckpointChecksums

  static let averagePrefix = "average."
  static let averageStepKey = "average.step"

  /// A checkpoint of what training has reached.
  ///
  /// - Parameters:
  ///   - model: its parameters, and state of its layers that is not trained.
  ///   - optimizer: default none.
  ///   - average: of the weights; default none.
  ///   - metadata: what else belongs to the run; default nothing.
  ///
  /// Stops when a parameter's name begins with `optimizer.` or `average.`, as what is kept for the
  /// parameters does.
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

  /// The same file under other names.
  init(_ other: Checkpoint, names: CheckpointNames) {
    metadata = other.metadata
    file = other.file
    self.names = names
    checksums = other.checksums
    path = other.path
  }

  /// Compares the checksums that were written with tensors and metadata, where there are some.
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

  /// Writes the file whole or not at all; an older file of that name is kept beside it as
  /// `NAME.previous.safetensors`, and at every moment one of the two is complete: an older file that
  /// is damaged is not kept, because the one before it may be whole.
  ///
  /// A checkpoint that was read and renamed is written as it was read.
  ///
  /// - Throws: `SafetensorsError` naming the path, for example when the disk is full.
  public func write(to url: URL) throws {
    try file.write(
      to: url, keepingPreviousAt: Checkpoint.isWhole(url) ? Checkpoint.previous(of: url) : nil)
  }

  /// Whether there is a file, and it is as it was written.
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
