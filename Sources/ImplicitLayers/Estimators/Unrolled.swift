import Tensors

/// Backpropagation through the iterations themselves.
///
/// Differentiates the solver's every step, whatever the solver; the only estimator that gives the
/// initial state a gradient. Time and memory of the backward pass grow with the number of
/// iterations: O(n).
public struct Unrolled: BackwardEstimator {
  /// The estimator; it has no parameters.
  public init() {}

  /// The solver's own loop, recorded.
  public func solution(
    of map: @escaping FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution {
    try solver.solve(map, from: initial, until: rule)
  }
}

extension BackwardEstimator where Self == Unrolled {
  /// Backpropagation through the iterations.
  public static var unrolled: Unrolled { Unrolled() }
}
