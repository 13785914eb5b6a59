import Tensors

/// An implicit estimator that also gives the initial state a gradient.
///
/// The one recorded application is taken at z* + z0 - sg(z0), with sg cutting the tape: its value
/// is f(z*), and what J^T w leaves at that point is handed to the initial state as if the solve
/// were the identity. With one step that is the bi-level training of slot initialisations of Jia,
/// Liu and Huang (2023, "Improving Object-centric Learning with Query Optimization"). It is a
/// heuristic: the true derivative of z* with respect to z0 is zero.
///
/// It costs one pullback more than `base` if the initial state is recorded. Its derivatives are
/// those of `base`.
public struct StraightThrough: BackwardEstimator {
  /// The estimator of w.
  public let base: any AdjointEstimator

  /// The straight-through variant of `base`; default one step.
  public init(_ base: any AdjointEstimator = .oneStep) { self.base = base }

  /// The name in reports, for instance "straight-through one step".
  public var name: String { "straight-through \(base.name)" }
  /// The base, because it estimates w.
  public var adjoint: (any AdjointEstimator)? { base }
  /// The base's use of the solver's inverse.
  public var inverseUse: InverseUse { base.inverseUse }

  /// The solution of `base`, tied to the initial state.
  public func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    try base.implicitSolution(
      of: map, from: initial, using: solver, until: rule, isStraightThrough: true)
  }
}

extension BackwardEstimator where Self == StraightThrough {
  /// The straight-through variant of an implicit estimator; default of one step.
  public static func straightThrough(
    _ base: any AdjointEstimator = .oneStep
  ) -> StraightThrough {
    StraightThrough(base)
  }
}
