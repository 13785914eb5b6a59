import Tensors

/// States that are sharded over ranks: each rank has a part, and a solve is of the whole.
extension Communicator {
  /// Runs a solve of which every rank has a part of the state.
  ///
  /// ```swift
  /// let z = try ranks.withShardedStates {
  ///   try fixedPoint(from: part, using: .anderson(), estimator: .gmres()) { part in
  ///     let wide = try ranks.addingHalos(to: part)   // [1, rows + 2, columns]
  ///     let neighbours = wide.slice(0..<rows, alongAxis: 1) + wide.slice(2..<rows + 2, alongAxis: 1)
  ///     return (neighbours * w + x).tanh()
  ///   }
  /// }
  /// ```
  /// Solvers and estimators need nothing of a state but norms and inner products of its samples. Here these
  /// are of whole samples: each rank computes its part, and the parts are summed. All ranks get the same bits
  /// and so take the same steps, and end together. The adjoint system on the way back is solved in the same
  /// manner, whenever and wherever `gradients` is called. All ranks call it, with a loss that depends on their
  /// part of the solution, if only by `0 * z.sum()`: otherwise a rank takes no part in the adjoint system,
  /// and the others wait for it. Each rank differentiates its
  /// own part of the loss; gradients of what all ranks have, such as a parameter, are parts that are to be
  /// summed, gradients of what belongs to a rank, such as its part of a source, are whole.
  ///
  /// The function that is solved runs outside of it: its norms are those of its own tensors, and what it
  /// needs of other ranks it fetches (`addingHalos`). So do preconditioners, the pullbacks of an adjoint
  /// system and, wherever `gradients` is called, all rules of a backward pass but that of a
  /// `CustomOperator`, which takes norms as its value did.
  ///
  /// Samples and their order are the same on all ranks; how many numbers of each a rank has is its own
  /// business. Every number of a state belongs to one rank: one that several have counts several times.
  /// Methods that need a matrix stop (`.newton`, `.exact`), as do unrolling a method that takes inner
  /// products, and `minimum` over a set.
  ///
  /// - Parameter body: solves and differentiates; also linear systems, by `GMRES` and `BiCGStab`. Norms of
  ///   anything else that are taken in it are sums over the ranks too. What fails in it on one rank alone
  ///   leaves the others waiting. Threads that it starts are not in it.
  /// - Returns: what `body` returns.
  /// - Throws: what `body` throws; an unconverged solve is one on all ranks.
  /// - Complexity: a sum of some numbers for each norm, and for each set of inner products that is taken
  ///   at once: about 5 in a step of Anderson's, 6 in one of GMRES. With one rank nothing.
  public func withShardedStates<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard size > 1, let transport else { return try body() }
    let sharding = StateSharding(
      sum: { values in values.withUnsafeMutableBufferPointer { transport.sum($0) } },
      maximum: { values in values.withUnsafeMutableBufferPointer { transport.maximum($0) } })
    return try StateSharding.with(sharding, body)
  }
}
