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
  }

  /// The state before the first step.
  public init() {}

  /// What is remembered by parameter, in the order of their names.
  var sortedEntries: [(name: String, entry: Entry)] {
    entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
