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
/// Parameters carry their own names; the optimiser's moments stand under `optimizer.exp_avg.NAME`
/// and `optimizer.exp_avg_sq.NAME`, its step count in the metadata.
public struct Checkpoint: Sendable {
  /// What belongs to the run: counters, configuration.
  public let metadata: [String: String]
  private let file: SafetensorsFile
  private let path: String

  private static let firstPrefix = "optimizer.exp_avg."
  private static let secondPrefix = "optimizer.exp_avg_sq."
  private static let stepKey = "optimizer.step"

  /// A checkpoint of what training has reached.
  public init(of model: some Module, optimizer: Adam? = nil, metadata: [String: String] = [:]) {
    var tensors = model.namedParameters.map { (name: $0.name, tensor: $0.parameter.tensor) }
    var metadata = metadata
    if let optimizer {
      for entry in optimizer.namedMoments {
        tensors.append((Checkpoint.firstPrefix + entry.name, entry.moments.first))
        tensors.append((Checkpoint.secondPrefix + entry.name, entry.moments.second))
      }
      metadata[Checkpoint.stepKey] = String(optimizer.stepCount)
    }
    self.metadata = metadata
    file = SafetensorsFile(tensors, metadata: metadata)
    path = "(unsaved)"
  }

  /// Reads a checkpoint.
  ///
  /// - Throws: `SafetensorsError` naming the file when it is missing or damaged.
  public init(contentsOf url: URL) throws {
    file = try SafetensorsFile(contentsOf: url)
    metadata = file.metadata
    path = url.path
  }

  /// The shapes of the model's tensors by their names.
  public var shapes: [String: Shape] {
    let moments = [Checkpoint.firstPrefix, Checkpoint.secondPrefix]
    return Dictionary(
      file.entries.filter { entry in !moments.contains { entry.name.hasPrefix($0) } }
        .map { ($0.name, Shape($0.shape)) }, uniquingKeysWith: { first, _ in first })
  }

  /// Writes the file whole or not at all; an older file of that name is kept beside it as
  /// `NAME.previous.safetensors`, and at every moment one of the two is complete.
  ///
  /// - Throws: `SafetensorsError` naming the path, for example when the disk is full.
  public func write(to url: URL) throws {
    try file.write(to: url, keepingPreviousAt: Checkpoint.previous(of: url))
  }

  /// Where the checkpoint before the one at `url` is kept.
  public static func previous(of url: URL) -> URL {
    url.deletingPathExtension().appendingPathExtension("previous.safetensors")
  }

  /// Gives every parameter of `model` its value.
  ///
  /// - Throws: `SafetensorsError` when a tensor is missing, has another shape or is none of the
  ///   model's; the model is unchanged then.
  public func restore(_ model: some Module) throws {
    let parameters = model.namedParameters
    var values: [Tensor] = []
    for entry in parameters {
      guard let found = file[entry.name] else {
        throw refused("it has no tensor '\(entry.name)', which the model needs")
      }
      guard Shape(found.shape) == entry.parameter.shape else {
        throw refused(
          "'\(entry.name)' has shape \(Shape(found.shape)), but the model needs "
            + "\(entry.parameter.shape)")
      }
      values.append(found.tensor.converted(to: entry.parameter.tensor.dtype))
    }
    let known = Set(parameters.map(\.name))
    for entry in file.entries {
      let name = [Checkpoint.firstPrefix, Checkpoint.secondPrefix].reduce(entry.name) {
        $0.hasPrefix($1) ? String($0.dropFirst($1.count)) : $0
      }
      guard known.contains(name) else {
        throw refused("it has a tensor '\(entry.name)', which the model does not know")
      }
    }
    for (entry, value) in zip(parameters, values) { entry.parameter.assign(value) }
  }

  /// The optimiser as it was.
  ///
  /// - Throws: `SafetensorsError` when the moments are not those of `model`.
  public func optimizer(for model: some Module) throws -> Adam {
    guard let count = metadata[Checkpoint.stepKey].flatMap({ Int($0) }),
      (0...1 << 40).contains(count)
    else {
      throw refused("it holds no optimiser state")
    }
    var moments: [String: AdamMoments] = [:]
    for entry in model.namedParameters {
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
    return Adam(stepCount: count, moments: moments)
  }

  private func refused(_ reason: String) -> SafetensorsError {
    SafetensorsError(
      path: path, reason: reason,
      remedy: "check that it was made for a model of these sizes, or use an earlier checkpoint")
  }
}
