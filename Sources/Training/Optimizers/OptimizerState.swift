import NeuralLayers
import Tensors

/// What an optimiser remembers from step to step.
///
/// A `Checkpoint` writes it, and brings it back bit by bit.
public struct OptimizerState: Sendable {
  /// The number of steps taken.
  public internal(set) var stepCount = 0
  var entries: [String: Entry] = [:]

  /// What is remembered about one parameter.
  struct Entry: Sendable {
    /// The steps in which it was changed: what is trained later than other parameters counts from
    /// its own first step.
    var steps: Int
    /// The tensors, in the order of the optimiser's `keptNames`.
    var kept: [Tensor]
    /// Whose they are; held, so that no later parameter can be taken for it.
    let parameter: Parameter
  }

  /// The state before the first step.
  public init() {}

  /// Stops where a name stands for another parameter than before, or for two at once: what is
  /// remembered of one would move the other.
  func expectSameParameters(_ parameters: [NamedParameter]) {
    var owners = entries.mapValues(\.parameter)
    for entry in parameters {
      let owner = owners.updateValue(entry.parameter, forKey: entry.name)
      expect(
        owner == nil || owner === entry.parameter,
        "this optimiser has stepped another parameter of the name '\(entry.name)', and what it "
          + "remembers of one would move the other: give each module an optimiser of its own, or step "
          + "both as parts of one module, which tells their names apart; to go on with a copy of the "
          + "module, restore the optimiser for it from a Checkpoint")
    }
  }

  /// What is remembered by parameter, in the order of their names.
  var sortedEntries: [(name: String, entry: Entry)] {
    entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
