import NeuralLayers
import Tensors

/// The state of an optimiser that is kept from step to step.
///
/// A `Checkpoint` stores it and restores it bit by bit.
public struct OptimizerState: Sendable {
  /// The number of steps taken.
  public internal(set) var stepCount = 0
  var entries: [String: Entry] = [:]

  /// The state of one parameter.
  struct Entry: Sendable {
    /// The number of steps in which the parameter was changed: a parameter that is trained later
    /// than others counts from its own first step.
    var steps: Int
    /// The tensors, in the order of the optimiser's `keptNames`.
    var kept: [Tensor]
    /// The parameter; it is held so that no later parameter can be taken for it.
    let parameter: Parameter
  }

  /// The state before the first step.
  public init() {}

  /// Stops when a name stands for another parameter than before, or for two parameters at once.
  ///
  /// Two parameters with one name would share their state: the kept tensors and, even without
  /// these, the count of the steps, which `ParameterUpdate` and checkpoints find by name.
  func expectSameParameters(_ parameters: [NamedParameter]) {
    var names: Set<String> = []
    for entry in parameters {
      expect(
        names.insert(entry.name).inserted,
        "two parameters of this list have the name '\(entry.name)', by which an optimiser remembers what "
          + "it knows of each (at least the count of its steps): tell their names apart, as with "
          + "prefixed(\"NAME\") for those of each module")
      let owner = entries[entry.name]?.parameter
      expect(
        owner == nil || owner === entry.parameter,
        "this optimiser has stepped another parameter of the name '\(entry.name)', and what it remembers "
          + "by that name (at least the count of steps) would be that of both: give each module an "
          + "optimiser of its own, or step both as parts of one module, which tells their names apart; to "
          + "go on with a copy of the module, restore the optimiser for it from a Checkpoint")
    }
  }

  /// The state of each parameter, in the order of their names.
  var sortedEntries: [(name: String, entry: Entry)] {
    entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
