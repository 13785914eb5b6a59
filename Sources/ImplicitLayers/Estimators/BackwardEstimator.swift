import Tensors

/// A way to differentiate a fixed point.
///
/// This general form owns the whole solve, because unrolling must record it. An estimator that
/// approximates u = (I - J^T)^-1 v conforms to `AdjointEstimator` instead, and has this from there.
public protocol BackwardEstimator: Sendable {
  /// Solves z = map(z) so that gradients flow from the solution to what `map` captured.
  ///
  /// - Throws: what `map` throws; the backward pass may throw what the estimator throws.
  func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor>

  /// What the estimator is called in messages and tables, with its numbers: "GMRES to 1e-05".
  var name: String { get }

  /// What it is a variant of, for charts: variants differ in how much they compute. Default its
  /// name.
  var family: String { get }

  /// What estimates w at z*; nil where the iterations themselves are differentiated, so that the way
  /// has to be gone again where z* is known already. Default nil.
  var adjoint: (any AdjointEstimator)? { get }

  /// The truncated series that its estimate is; default nil, none.
  var series: NeumannSeries? { get }

  /// What it does with the inverse Jacobian that a forward solver learned; default ignored, so that
  /// the tape does not hold the solver's memory.
  var inverseUse: InverseUse { get }
}

extension BackwardEstimator {
  /// The name in reports, which is that of the type.
  public var name: String { "\(Self.self)" }
  /// The family in charts: an estimator that says nothing else is a family of its own.
  public var family: String { name }
  /// Nil: an estimator that names no adjoint differentiates the iterations themselves.
  public var adjoint: (any AdjointEstimator)? { nil }
  /// Nil, because most estimators are no Neumann series.
  public var series: NeumannSeries? { nil }
  /// `.ignored`: most estimators have no use for what the solver learned.
  public var inverseUse: InverseUse { .ignored }
}

/// What an estimator does with the inverse Jacobian that a forward solver learned.
public enum InverseUse: Sendable {
  /// The inverse that the solver learned is not looked at.
  case ignored
  /// It takes advantage of one, if there is one.
  case welcome
  /// It cannot do without: solving with a solver that learns none throws `MissingInverse`.
  case required
}

/// An estimator of the adjoint w ~ (I - J^T)^-1 v, J = df/dz at z*.
///
/// ```swift
/// struct OneStep: AdjointEstimator {
///   func estimate(_ problem: AdjointProblem) -> AdjointEstimate {
///     AdjointEstimate(value: problem.cotangent)
///   }
/// }
/// ```
/// That is all that has to be written. The solve, the one recorded application, the scaling of
/// the cotangent, failures and the report are the same for all (`solution`).
public protocol AdjointEstimator: BackwardEstimator {
  /// The estimate w and, if it was measured, how good it is.
  ///
  /// - Throws: what the pullback throws, or the estimator's own error.
  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate

  /// What is done about samples whose estimate failed; default: throw.
  var onFailure: FailurePolicy { get }

  /// What the derivative of an estimate is, where gradients are themselves differentiated. By default
  /// its computation is differentiated, which has to be written in tensor operators.
  var derivative: EstimateDerivative { get }
}

/// What the derivative of an estimate w is, where a backward pass is itself differentiated.
public enum EstimateDerivative: Sendable {
  /// The equation (I - J^T) w = v, which w solves, is differentiated: that is one more system, with
  /// (I - J), for the same estimator. It knows that J depends on z*, and z* on theta.
  case ofEquation
  /// The steps that were taken are differentiated, with z* as a constant. This is right for an estimate
  /// that solves no equation.
  case ofComputation
}

extension AdjointEstimator {
  /// `.throwing`: a failure is an error, unless the estimator says otherwise.
  public var onFailure: FailurePolicy { .throwing }
  /// `.ofComputation`: the steps that made the estimate are differentiated.
  public var derivative: EstimateDerivative { .ofComputation }
  /// This estimator, because it is one of the adjoint.
  public var adjoint: (any AdjointEstimator)? { self }
}

/// The linear system of a backward pass: (I - J^T) w = v.
public struct AdjointProblem {
  /// v = dL/dz*, [batch, ...].
  ///
  /// In a backward pass each sample comes scaled by a power of two to a norm in [1, 2), or is zero,
  /// so that tolerances are relative to the cotangent; the gradient is scaled back exactly.
  public let cotangent: Tensor
  /// w -> J^T w, any number of times.
  public let pullback: (Tensor) throws -> Tensor
  /// What the forward solver learned of (J - I)^-1, for estimators that reuse it.
  public let inverse: (any InverseJacobian)?
  /// How well J is known, per sample: the residual of the forward solve as a fraction of |f(z)| and of
  /// what its rule takes for the size of a state at 0, absolute / relative; at least what the dtype
  /// resolves.
  ///
  /// J is taken at a z that is off by about the residual, so a residual of the adjoint system below
  /// this fraction of |v| is none of the true system, and a singular value of I - J below this
  /// fraction of the largest may as well be zero.
  public let accuracies: [Double]
  /// 0 for the adjoint of a solution; k where the k-th derivative of gradients asks for a system of
  /// its own, (I - J) or its transpose by turns.
  public let order: Int

  /// A problem from its parts.
  ///
  /// - Parameters:
  ///   - cotangent: v.
  ///   - pullback: w -> J^T w.
  ///   - inverse: what the forward solver learned; default nil.
  ///   - accuracies: default what the dtype resolves.
  ///   - order: default 0.
  public init(
    cotangent: Tensor, pullback: @escaping (Tensor) throws -> Tensor,
    inverse: (any InverseJacobian)? = nil, accuracies: [Double]? = nil, order: Int = 0
  ) {
    (self.cotangent, self.pullback, self.inverse) = (cotangent, pullback, inverse)
    self.order = order
    self.accuracies =
      accuracies
      ?? Array(repeating: cotangent.dtype.machineEpsilon, count: cotangent.shape[0])
  }

  /// w - J^T w: the operator of the system, one pullback.
  public func system(_ w: Tensor) throws -> Tensor { try w - pullback(w) }
}

/// An estimate of the adjoint and, if it was measured, how good it is.
public struct AdjointEstimate: Sendable {
  /// w, of the cotangent's shape.
  public let value: Tensor
  /// What happened, sample by sample; nil if nothing was measured.
  public let report: LinearSolveReport?

  /// Makes an estimate from its parts.
  public init(value: Tensor, report: LinearSolveReport? = nil) {
    (self.value, self.report) = (value, report)
  }
}

extension AdjointEstimator {
  /// The estimate alone, outside of a backward pass.
  ///
  /// - Parameters:
  ///   - v: the cotangent, [batch, ...].
  ///   - pullback: w -> J^T w.
  /// - Returns: w, of the shape and dtype of v; nothing is scaled, and no failure is an error.
  /// - Throws: what the pullback throws, or the estimator's own error.
  public func adjoint(
    of v: Tensor, through pullback: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    try withoutActuallyEscaping(pullback) { pullback in
      try estimate(AdjointProblem(cotangent: v, pullback: pullback)).value
    }
  }
}
