import Tensors

/// Several methods, one after the other, sample by sample: the cheapest that makes progress.
///
/// ```swift
/// let solution = try Automatic().solve(map, from: z0, until: rule)
/// solution.report.samples[0].remarks   // ["evaluation 4: Picard -> Anderson: ..."]
/// ```
/// A sample starts with the first method, and changes to the next one when that is too slow for it
/// or fails; the report says when and why. The second method continues from the sample's best
/// point; later ones continue from there or, if no point is much better, from the first iterate. A
/// method that was only slow is set aside as it stands: when all have been tried, it continues from
/// there, with twice the time at each round. A method that failed starts once more, from the first
/// iterate. So the solve converges if one of its methods does, and a sample is given up when all
/// have failed. The decision depends only on the sample's own residuals, so it is the same whatever
/// else is in the batch.
public struct Automatic: ForwardSolver {
  /// The methods, cheapest first.
  public let methods: [any ForwardSolver]

  /// A solver that escalates.
  ///
  /// Stops when there are no methods.
  ///
  /// - Parameter methods: the methods, cheapest first; default Picard, Anderson of depth 10 (which
  ///   only gets the samples that Picard cannot solve), Broyden and Newton-Krylov.
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
