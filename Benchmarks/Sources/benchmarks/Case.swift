import Foundation
import NeuralLayers
import Tensors
import Training

/// One piece of work that is compared: what it computes, for the peers to check, and one round of
/// it, to be timed.
struct Case {
  /// Computes what the peers need to do the same: inputs, parameters and our results.
  let exchange: () throws -> Exchange
  /// Does the work once.
  let round: () throws -> Void
}

/// What is left for the peers: tensors by name ("in.", "param.", "out.") and settings as JSON.
struct Exchange {
  var tensors: [(name: String, tensor: Tensor)] = []
  var settings: [String: String] = [:]

  mutating func add(_ name: String, _ tensor: Tensor) {
    tensors.append((name, tensor.detached()))
  }

  mutating func add(parametersOf module: some Module) {
    for entry in module.namedParameters { add("param.\(entry.name)", entry.parameter.tensor) }
  }

  mutating func add(gradients table: Gradients, of module: some Module) {
    for entry in module.namedParameters {
      let tensor = entry.parameter.tensor
      add("out.grad.\(entry.name)", table[tensor] ?? tensor.zerosLike())
    }
  }

  func write(to url: URL) throws {
    try SafetensorsFile(
      tensors.map { ($0.name, $0.tensor) }, metadata: SafetensorsMetadata(settings)
    )
    .write(to: url)
  }
}
