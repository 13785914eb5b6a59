import Tensors

/// Several methods, one after the other, sample by sample: the cheapest that makes progress.
///
/// ```swift
/// let solution = try Automatic().solve(map, from: z0, until: rule)
/// solution.report.samples[0].remarks   // ["evaluation 4: Picard -> Anderson: ..."]
/// ```
/// A sample starts with the first method and is handed on when that is too slow for it or fails; the
/// report says when and why. The second goes on from the sample's best point, later ones from there or
/// from the first iterate, if no point is much better. One that was only slow is kept as it stands, and
/// when the last has been tried it goes on from there, with twice the time at each round; one that
/// failed starts once more, from the first iterate. So the solve converges where one of its methods
/// does, and a sample is given up when all have failed. The decision rests on the sample's own
/// residuals, so it is the same whatever else is in the batch.
public struct Automatic: ForwardSolver {
  /// The methods, cheapest first.
  public let methods: [any ForwardSolver]

  /// A solver that escalates.
  ///
  /// Stops when there are no methods.
  ///
  /// - Parameter methods: default Picard, Anderson of depth 10 (which gets only what Picard cannot
  ///   do), Broyden, Newton-Krylov.
  public init(
    _ methods: [any ForwardSolver] = [
      Picard(), Anderson(depth: 10), Broyden(), NewtonKrylov(),
    ]
  ) {
    expect(!methods.isEmpty, "an automatic solver needs a method to begin with")
    self.methods = methods
  }

  /// The history at the start, when all samples are with the first method.
  public func makeHistory() -> Escalation { Escalation(methods) }

  /// The next iterate of every sample, after some have moved on to another method.
  public func next(after point: Iterate, _ history: inout Escalation) throws -> Tensor {
    try history.next(after: point)
  }

  /// A sample is given up when all its methods have failed.
  public var judgesFailures: Bool { true }
}

extension ForwardSolver where Self == Automatic {
  /// Picard, Anderson, Broyden, Newton-Krylov: the first that makes progress, sample by sample.
  public static var automatic: Automatic { Automatic() }
}
