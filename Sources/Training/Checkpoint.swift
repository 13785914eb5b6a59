import Foundation
import NeuralLayers
import Tensors

/// A model, its optimiser and its counters in one safetensors file.
///
/// ```swift
/// try Checkpoint(of: model, optimizer: optimizer, metadata: ["step": "300"]).write(to: url)
/// let checkpoint = try Checkpoint(contentsOf: url)
/// try checkpoint.restore(model)
/// ```
/// Parameters carry their own names, a shared one each of its names; the optimiser's moments stand
/// under `optimizer.exp_avg.NAME` and `optimizer.exp_avg_sq.NAME`, its step count in the metadata.
/// Checksums of all tensors and of the metadata are written with them, and compared before a tensor is
/// used; numbers that are not finite are refused too.
public struct Checkpoint: Sendable {
  /// What belongs to the run: counters, configuration.
  public let metadata: SafetensorsMetadata
  private let file: SafetensorsFile
  private let path: String
  private let checksums: CheckpointChecksums

  private static let firstPrefix = "optimizer.exp_avg."
  private static let secondPrefix = "optimizer.exp_avg_sq."
  private static let stepKey = "optimizer.step"

  /// A checkpoint of what training has reached.
  public init(of model: some Module, optimizer: Adam? = nil, metadata: SafetensorsMetadata = [:]) {
    var tensors = model.namedParameters.eachOnce.flatMap { entry in
      entry.names.map { (name: $0, tensor: entry.parameter.tensor) }
    }
    var metadata = metadata
    if let optimizer {
      for entry in optimizer.namedMoments {
        tensors.append((Checkpoint.firstPrefix + entry.name, entry.moments.first))
        tensors.append((Checkpoint.secondPrefix + entry.name, entry.moments.second))
      }
      metadata[Checkpoint.stepKey] = String(optimizer.stepCount)
    }
    metadata[CheckpointChecksums.key] = nil
    self.metadata = metadata
    let entries = tensors.map { SafetensorsFile.Entry($0.name, $0.tensor) }
    metadata[CheckpointChecksums.key] = CheckpointChecksums.text(entries, metadata)
    file = SafetensorsFile(entries, metadata: metadata)
    checksums = CheckpointChecksums(metadata)
    path = "(unsaved)"
  }

  /// Reads a checkpoint.
  ///
  /// - Throws: `SafetensorsError` naming the file when it is missing or damaged.
  public init(contentsOf url: URL) throws {
    file = try SafetensorsFile(contentsOf: url)
    metadata = file.metadata.filter { $0.key != CheckpointChecksums.key }
    checksums = CheckpointChecksums(file.metadata)
    path = url.path
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
    let moments = [Checkpoint.firstPrefix, Checkpoint.secondPrefix]
    return Dictionary(
      file.entries.filter { entry in !moments.contains { entry.name.hasPrefix($0) } }
        .map { ($0.name, Shape($0.shape)) }, uniquingKeysWith: { first, _ in first })
  }

  /// Writes the file whole or not at all; an older file of that name is kept beside it as
  /// `NAME.previous.safetensors`, and at every moment one of the two is complete: an older file that
  /// is damaged is not kept, because the one before it may be whole.
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

  /// Gives every parameter of `model` its value.
  ///
  /// A shared parameter takes the value under any of its names.
  ///
  /// - Throws: `SafetensorsError` when a tensor is missing, has another shape, is none of the model's,
  ///   has changed since it was written, or is not finite, or when the names of a shared parameter
  ///   have different values; the model is unchanged then.
  public func restore(_ model: some Module) throws {
    let parameters = model.namedParameters.eachOnce
    var values: [Tensor] = []
    for entry in parameters {
      let found = entry.names.compactMap { file[$0] }
      guard let first = found.first else {
        throw refused("it has no tensor '\(entry.name)', which the model needs")
      }
      for tensor in found where Shape(tensor.shape) != entry.parameter.shape {
        throw refused(
          "'\(tensor.name)' has shape \(Shape(tensor.shape)), but the model needs "
            + "\(entry.parameter.shape)")
      }
      if let other = found.first(where: { $0.data != first.data }) {
        throw refused(
          "'\(first.name)' and '\(other.name)' differ, but the model shares one parameter between "
            + "them")
      }
      values.append(first.tensor.converted(to: entry.parameter.tensor.dtype))
    }
    let known = Set(parameters.flatMap(\.names).map { ExactString($0) })
    for entry in file.entries {
      let name = [Checkpoint.firstPrefix, Checkpoint.secondPrefix].reduce(entry.name) {
        $0.hasPrefix($1) ? String($0.dropFirst($1.count)) : $0
      }
      guard known.contains(ExactString(name)) else {
        throw refused("it has a tensor '\(entry.name)', which the model does not know")
      }
    }
    try verify()
    try expectFinite(zip(parameters, values).map { (name: $0.name, value: $1) })
    for (entry, value) in zip(parameters, values) { entry.parameter.assign(value) }
  }

  /// - Throws: `SafetensorsError` naming the first tensor that is not finite.
  private func expectFinite(_ tensors: [(name: String, value: Tensor)]) throws {
    let areFinite = Workers.map(tensors.count) { tensors[$0].value.largestMagnitude.isFinite }
    if let first = areFinite.firstIndex(of: false) {
      throw SafetensorsError(
        path: path, reason: "'\(tensors[first].name)' holds numbers that are not finite",
        remedy: "use an earlier checkpoint, or weights from before they became NaN or infinite")
    }
  }

  /// The optimiser as it was.
  ///
  /// - Throws: `SafetensorsError` when the moments are not those of `model`, or none that Adam can
  ///   have.
  public func optimizer(for model: some Module) throws -> Adam {
    guard let count = metadata[Checkpoint.stepKey].flatMap({ Int($0) }),
      (0...1 << 40).contains(count)
    else {
      throw refused("it holds no optimiser state")
    }
    var moments: [String: AdamMoments] = [:]
    for entry in model.namedParameters.eachOnce {
      guard let first = file[Checkpoint.firstPrefix + entry.name] else { continue }
      guard let second = file[Checkpoint.secondPrefix + entry.name] else {
        throw refused("it has no tensor '\(Checkpoint.secondPrefix)\(entry.name)'")
      }
      let value = entry.parameter.tensor
      for found in [first, second] where Shape(found.shape) != value.shape {
        throw refused(
          "'\(found.name)' has shape \(Shape(found.shape)), but the parameter has \(value.shape)")
      }
      moments[entry.name] = AdamMoments(
        first: first.tensor.converted(to: value.dtype),
        second: second.tensor.converted(to: value.dtype))
    }
    try expectFinite(
      moments.sorted { $0.key < $1.key }.flatMap { name, moments in
        [
          (name: Checkpoint.firstPrefix + name, value: moments.first),
          (name: Checkpoint.secondPrefix + name, value: moments.second),
        ]
      })
    return Adam(stepCount: count, moments: moments)
  }

  private func refused(_ reason: String) -> SafetensorsError {
    SafetensorsError(
      path: path, reason: reason,
      remedy: "check that it was made for a model of these sizes, or use an earlier checkpoint")
  }
}
