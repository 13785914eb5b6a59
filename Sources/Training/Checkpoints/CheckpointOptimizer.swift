import Foundation
import NeuralLayers
import Tensors

/// An optimiser as a checkpoint has it.
struct SavedOptimizer {
  static let prefix = "optimizer."
  static let stepKey = "optimizer.step"
  /// Lines "count name", for parameters that were changed in fewer steps than there were.
  static let countsKey = "optimizer.steps"

  /// What is kept for the parameters, under `optimizer.KIND.NAME`.
  var tensors: [(name: String, tensor: Tensor)] = []
  /// How often was stepped.
  var metadata: SafetensorsMetadata = [:]

  init(_ optimizer: any Optimizer, parameters: [NamedParameter]) {
    let (state, kinds) = (optimizer.state, optimizer.keptNames)
    for (name, entry) in state.sortedEntries {
      for (kind, tensor) in zip(kinds, entry.kept) {
        tensors.append((SavedOptimizer.name(kind, name), tensor))
      }
    }
    metadata[SavedOptimizer.stepKey] = String(state.stepCount)
    let counts = parameters.compactMap { entry -> String? in
      let steps = state.entries[entry.name]?.steps ?? (kinds.isEmpty ? 0 : state.stepCount)
      return steps == state.stepCount ? nil : "\(steps) \(entry.name)"
    }
    if !counts.isEmpty { metadata[SavedOptimizer.countsKey] = counts.joined(separator: "\n") }
  }

  static func name(_ kind: String, _ parameter: String) -> String {
    "\(prefix)\(kind).\(parameter)"
  }
}

extension Checkpoint {
  /// Brings back what an optimiser remembers; steps after that are bitwise what they would have been.
  ///
  /// ```swift
  /// var optimizer = AdamW(rate: rate)
  /// try checkpoint.restore(&optimizer, for: model)
  /// ```
  /// - Parameters:
  ///   - optimizer: made with the settings that it had (rates, decays, rules): a file holds none. What
  ///     it remembers is replaced.
  ///   - model: whose parameters it changes. One that has no state in the file begins anew.
  /// - Throws: `SafetensorsError` when the file holds no optimiser, that of another kind or of another
  ///   model, or numbers that are not finite; the optimiser is unchanged then.
  public func restore(_ optimizer: inout some Optimizer, for model: some Module) throws {
    guard let count = metadata[SavedOptimizer.stepKey].flatMap({ Int($0) }),
      (0...1 << 40).contains(count)
    else {
      throw refused(
        "it holds no optimiser state", "go on with the weights alone, and an optimiser that begins")
    }
    let kinds = optimizer.keptNames
    try expectKinds(kinds)
    let counts = try stepCounts(upTo: count)
    var state = OptimizerState()
    state.stepCount = count
    for entry in model.namedParameters.eachOnce {
      let full = kinds.map { SavedOptimizer.name($0, entry.name) }
      let found = full.map { names[$0] }
      guard kinds.isEmpty || found.contains(where: { $0 != nil }) else { continue }
      let value = entry.parameter.tensor
      let kept = try zip(full, found).map { name, tensor in
        guard let tensor else {
          throw refused("it has no tensor '\(name)'", "use an earlier checkpoint")
        }
        guard Shape(tensor.shape) == value.shape else {
          throw refused(
            "'\(name)' has shape \(Shape(tensor.shape)), but the parameter has \(value.shape)",
            "check that it was made for a model of these sizes, or use an earlier checkpoint")
        }
        return tensor.tensor.converted(to: value.dtype)
      }
      try expectFinite(zip(full, kept).map { (name: $0, value: $1) })
      let steps = counts[ExactString(entry.name)] ?? count
      if steps > 0 { state.entries[entry.name] = .init(steps: steps, kept: kept) }
    }
    try verify()
    optimizer.state = state
  }

  /// - Throws: `SafetensorsError` when the file has what another optimiser keeps.
  private func expectKinds(_ kinds: [String]) throws {
    let own = Set(kinds.map { SavedOptimizer.name($0, "") })
    let others = names.entries.compactMap(\.kind)
      .filter { $0 != Checkpoint.averagePrefix && !own.contains($0) }
    guard let other = others.first else { return }
    func shown(_ names: [String]) -> String {
      names.isEmpty ? "nothing" : names.joined(separator: " and ")
    }
    throw refused(
      "it is of an optimiser that keeps '\(other.dropFirst(SavedOptimizer.prefix.count).dropLast())', "
        + "but this one keeps \(shown(kinds))",
      "make an optimiser of the kind and with the momentum that it was trained with, or go on with "
        + "the weights alone")
  }

  /// The steps of parameters that were changed in fewer than all.
  private func stepCounts(upTo limit: Int) throws -> [ExactString: Int] {
    var counts: [ExactString: Int] = [:]
    for line in (metadata[SavedOptimizer.countsKey] ?? "").split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2, let steps = Int(parts[0]), (0...limit).contains(steps) else {
        throw refused("its counts of steps cannot be read", "use an earlier checkpoint")
      }
      counts[ExactString(String(parts[1]))] = steps
    }
    return counts
  }

  private func refused(_ reason: String, _ remedy: String) -> SafetensorsError {
    SafetensorsError(path: path, reason: reason, remedy: remedy)
  }
}
