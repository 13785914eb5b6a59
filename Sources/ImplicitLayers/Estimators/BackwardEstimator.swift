import Tensors

/// A way to differentiate a fixed point.
///
/// The general form owns the whole solve, because unrolling must record it. An estimator that only
/// approximates u = (I - J^T)^-1 v conforms to `AdjointEstimator` instead.
public protocol BackwardEstimator: Sendable {
  /// Solves z = map(z) so that gradients flow from the solution to what `map` captured.
  ///
  /// - Throws: what `map` throws; the backward pass may throw what the estimator throws.
  func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution
}

/// An estimator of the adjoint w ~ (I - J^T)^-1 v, J = df/dz at z*.
///
/// ```swift
/// struct OneStep: AdjointEstimator {
///   func adjoint(of v: Tensor, through pullback: (Tensor) throws -> Tensor) -> Tensor { v }
/// }
/// ```
/// That is all that has to be written. The solve, the one recorded application, the scaling of
/// the cotangent, failures and the report are the same for all (`solution`); an estimator that has
/// something to report, or wants to see more than v, conforms to `ReportingAdjointEstimator`.
public protocol AdjointEstimator: BackwardEstimator {
  /// The estimate w.
  ///
  /// - Parameters:
  ///   - v: dL/dz*, [batch, ...]. In a backward pass each sample comes scaled by a power of two to
  ///     a norm in [1, 2), or is zero, so that tolerances are relative to the cotangent; the
  ///     gradient is scaled back exactly.
  ///   - pullback: w -> J^T w, any number of times.
  /// - Returns: w, of the shape and dtype of v.
  /// - Throws: what the pullback throws, or the estimator's own error.
  func adjoint(of v: Tensor, through pullback: (Tensor) throws -> Tensor) throws -> Tensor

  /// The estimate and what happened; default: `adjoint(of:through:)`, with nothing measured.
  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate

  /// What is done about samples whose estimate failed; default: throw.
  var onFailure: FailurePolicy { get }

  /// Whether the estimate uses what the forward solver learned of the inverse; default ignored, so
  /// that the tape does not hold the solver's memory.
  var inverseUse: InverseUse { get }
}

extension AdjointEstimator {
  /// The estimate of `adjoint(of:through:)`.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    AdjointEstimate(value: try adjoint(of: problem.cotangent, through: problem.pullback))
  }

  /// Failures are thrown.
  public var onFailure: FailurePolicy { .throwing }

  /// The solver's memory is not used.
  public var inverseUse: InverseUse { .ignored }
}

/// What an estimator does with the inverse Jacobian that a forward solver learned.
public enum InverseUse: Sendable {
  /// Nothing.
  case ignored
  /// It takes advantage of one, if there is one.
  case welcome
  /// It cannot do without: solving with a solver that learns none throws `MissingInverse`.
  case required
}

/// An adjoint estimator that measures how well it did, sample by sample.
///
/// ```swift
/// func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
///   let found = try GMRES().solve(problem.cotangent, applying: problem.system)
///   return AdjointEstimate(value: found.value, report: found.report)
/// }
/// ```
public protocol ReportingAdjointEstimator: AdjointEstimator {}

extension ReportingAdjointEstimator {
  /// The estimate alone.
  ///
  /// - Throws: what the pullback throws. A failed sample is not an error here, as there is no
  ///   solution to report it on; see `estimate`.
  public func adjoint(
    of v: Tensor, through pullback: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    try withoutActuallyEscaping(pullback) { pullback in
      try estimate(AdjointProblem(cotangent: v, pullback: pullback)).value
    }
  }
}
