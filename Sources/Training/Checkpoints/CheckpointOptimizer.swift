import Foundation
import NeuralLayers
import Tensors

/// An optimiser as a checkpoint stores it.
struct SavedOptimizer {
  static let prefix = "optimizer."
  static let stepKey = "optimizer.step"
  /// The key of lines "count name" for those parameters that were changed in fewer steps than the
  /// optimiser took.
  static let countsKey = "optimizer.steps"
  /// The key of the names of what is kept for each parameter, separated by commas; older files lack
  /// it.
  static let kindsKey = "optimizer.kinds"

  /// The tensors that are kept for the parameters, under `optimizer.KIND.NAME`.
  var tensors: [(name: String, tensor: Tensor)] = []
  /// The number of steps that were taken.
  var metadata: SafetensorsMetadata = [:]

  init(_ optimizer: any Optimizer, parameters: [NamedParameter]) {
    let (state, kinds) = (optimizer.state, optimizer.keptNames)
    for (name, entry) in state.sortedEntries {
      for (kind, tensor) in zip(kinds, entry.kept) {
        tensors.append((SavedOptimizer.name(kind, name), tensor))
      }
    }
    metadata[SavedOptimizer.stepKey] = String(state.stepCount)
    metadata[SavedOptimizer.kindsKey] = kinds.joined(separator: ",")
    let known = parameters.map(\.name)
    // The optimiser may have stepped parameters under other names than the model's, for example
    // those of a part.
    let others = state.sortedEntries.map { $0.name }.filter { !known.contains($0) }
    let counts = (known + others).compactMap { name -> String? in
      let steps = state.entries[name]?.steps ?? (kinds.isEmpty ? 0 : state.stepCount)
      return steps == state.stepCount ? nil : "\(steps) \(name)"
    }
    if !counts.isEmpty { metadata[SavedOptimizer.countsKey] = counts.joined(separator: "\n") }
  }

  static func name(_ kind: String, _ parameter: String) -> String {
    "\(prefix)\(kind).\(parameter)"
  }
}

extension Checkpoint {
  /// Restores the state of an optimiser; the following steps are bitwise the same as without an
  /// interruption.
  ///
  /// ```swift
  /// var optimizer = AdamW(rate: rate)
  /// try checkpoint.restore(&optimizer, for: model)
  /// ```
  /// - Parameters:
  ///   - optimizer: an optimiser made with its former settings (rates, decays, rules), because a
  ///     file holds none of them. Its state is replaced.
  ///   - model: the model whose parameters it changes. A parameter without state in the file begins
  ///     anew.
  /// - Throws: `SafetensorsError` when the file has no optimiser, when its optimiser is of another
  ///   kind or for another model, when it has state of a parameter that the model lacks, or when
  ///   numbers are not finite. The optimiser is unchanged then.
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
    let parameters = model.namedParameters.eachOnce
    var state = OptimizerState()
    state.stepCount = count
    var used: Set<ExactString> = []
    for entry in parameters {
      guard let saved = savedName(of: entry, kinds) else { continue }
      let value = entry.parameter.tensor
      let full = kinds.map { SavedOptimizer.name($0, saved.name) }
      used.formUnion(full.map { ExactString($0) })
      let kept = try full.map { name in
        guard let tensor = names[name] else {
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
      let steps = counts[ExactString(saved.original)] ?? count
      if steps > 0 {
        state.entries[entry.name] = .init(steps: steps, kept: kept, parameter: entry.parameter)
      }
    }
    try expectUsed(used, by: parameters)
    try verify()
    optimizer.state = state
  }

  /// The name under which the file has the state of a parameter, as it is called now and as it was
  /// saved; nil if the file has none.
  private func savedName(
    of entry: NamedParameter, _ kinds: [String]
  ) -> (name: String, original: String)? {
    // An optimiser that keeps no tensors still counts the steps of the parameters in the file.
    let prefixes = kinds.isEmpty ? [""] : kinds.map { SavedOptimizer.name($0, "") }
    for name in entry.names {
      for prefix in prefixes {
        if let tensor = names[prefix + name] {
          return (name, String(tensor.name.dropFirst(prefix.count)))
        }
      }
    }
    return nil
  }

  /// - Throws: `SafetensorsError` when the file has state of a parameter that the model lacks.
  private func expectUsed(_ used: Set<ExactString>, by parameters: [NamedParameter]) throws {
    let first = names.entries.first { named in
      named.kind?.hasPrefix(SavedOptimizer.prefix) == true
        && !used.contains(ExactString(named.fullName))
    }
    guard let unused = first else { return }
    let name = unused.name
    let part = parameters.flatMap(\.names).first { name.hasSuffix(".\($0)") }
    let remedy =
      if names[name] == nil {
        "restore it for the part of the model that it was stepped with, as in "
          + "restore(&optimizer, for: model.encoder)"
      } else if let part {
        "take it with part(under: \"\(name.dropLast(part.count + 1))\")"
      } else {
        "give it the model's name before, with renamed([\"\(name)\": NAME])"
      }
    throw refused(
      "it has '\(unused.fullName)', which no parameter of the model takes",
      "\(remedy); or go on with the weights alone, and an optimiser that begins")
  }

  /// - Throws: `SafetensorsError` when the file has the state of another kind of optimiser.
  private func expectKinds(_ kinds: [String]) throws {
    let own = Set(kinds.map { SavedOptimizer.name($0, "") })
    let other = names.entries.compactMap(\.kind)
      .first { $0 != Checkpoint.averagePrefix && !own.contains($0) }
      .map { [String($0.dropFirst(SavedOptimizer.prefix.count).dropLast())] }
    let recorded = metadata[SavedOptimizer.kindsKey]
      .map { $0.split(separator: ",").map(String.init) }
    guard let saved = recorded ?? other, saved != kinds else { return }
    func shown(_ names: [String]) -> String {
      names.isEmpty ? "nothing" : names.joined(separator: " and ")
    }
    let quoted = saved.map { "'\($0)'" }
    throw refused(
      "it is of an optimiser that keeps \(shown(quoted)), but this one keeps \(shown(kinds))",
      "make an optimiser of the kind and with the momentum that it was trained with, or go on with "
        + "the weights alone")
  }

  /// The step counts of those parameters that were changed in fewer than all steps, by their saved
  /// names.
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
