import Tensors

/// A way to differentiate a fixed point.
///
/// This general protocol covers the whole solve, because unrolling must record it. An estimator
/// that approximates u = (I - J^T)^-1 v conforms to `AdjointEstimator` instead, which provides this
/// function.
public protocol BackwardEstimator: Sendable {
  /// Solves z = map(z) so that gradients flow from the solution to what `map` captured.
  ///
  /// - Throws: what `map` throws; the backward pass may throw what the estimator throws.
  func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor>

  /// The name of the estimator in messages and tables, with its numbers: "GMRES to 1e-05".
  var name: String { get }

  /// The family of the estimator in charts; the members of a family differ in how much they
  /// compute. Default its name.
  var family: String { get }

  /// The estimator of w at z*; nil if the iterations themselves are differentiated, so that they
  /// must be run again even where z* is already known. Default nil.
  var adjoint: (any AdjointEstimator)? { get }

  /// The truncated series that the estimate is equal to; default nil, for none.
  var series: NeumannSeries? { get }

  /// How the estimator uses the inverse Jacobian that a forward solver has built; default not at
  /// all, so that the tape does not hold the solver's memory.
  var inverseUse: InverseUse { get }
}

extension BackwardEstimator {
  /// The name in reports, which is that of the type.
  public var name: String { "\(Self.self)" }
  /// The family in charts: an estimator that says nothing else is a family of its own.
  public var family: String { name }
  /// Nil, because an estimator that names no adjoint differentiates the iterations themselves.
  public var adjoint: (any AdjointEstimator)? { nil }
  /// Nil, because most estimators are no Neumann series.
  public var series: NeumannSeries? { nil }
  /// `.ignored`, because most estimators have no use for the solver's inverse.
  public var inverseUse: InverseUse { .ignored }
}

/// How an estimator uses the inverse Jacobian that a forward solver has built.
public enum InverseUse: Sendable {
  /// The inverse of the solver is not used.
  case ignored
  /// The inverse is used if there is one.
  case welcome
  /// The inverse is required: a solve with a solver that builds none throws `MissingInverse`.
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
/// This is all that has to be written. The solve, the one recorded application, the scaling of the
/// cotangent, failures and the report are provided for every estimator (`solution`).
public protocol AdjointEstimator: BackwardEstimator {
  /// The estimate w and, if it was measured, how good it is.
  ///
  /// - Throws: what the pullback throws, or the estimator's own error.
  func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate

  /// What happens to samples whose estimate failed; default: an error is thrown.
  var onFailure: FailurePolicy { get }

  /// How an estimate is differentiated if gradients are themselves differentiated. By default its
  /// computation is differentiated, which must be written in tensor operators.
  var derivative: EstimateDerivative { get }
}

/// How an estimate w is differentiated if a backward pass is itself differentiated.
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
  /// This estimator itself, because it estimates the adjoint.
  public var adjoint: (any AdjointEstimator)? { self }
}

/// The linear system of a backward pass: (I - J^T) w = v.
public struct AdjointProblem {
  /// v = dL/dz*, [batch, ...].
  ///
  /// In a backward pass each sample comes scaled by a power of two to a norm in [1, 2), or is zero,
  /// so that tolerances are relative to the cotangent; the gradient is scaled back exactly.
  public let cotangent: Tensor
  /// The function w -> J^T w, which may be called any number of times.
  public let pullback: (Tensor) throws -> Tensor
  /// The approximation of (J - I)^-1 that the forward solver has built, for estimators that reuse
  /// it; nil if there is none.
  public let inverse: (any InverseJacobian)?
  /// How accurately J is known, per sample.
  ///
  /// The residual of the forward solve as a fraction of |f(z)| plus the size that its rule takes for a
  /// state at 0, which is absolute / relative. By a rule of accuracy: the residual divided by the slope, as
  /// a fraction of |z|, and at most the accuracy that was asked for and met. At least the resolution of
  /// the dtype, and that for samples which are kept without having converged.
  ///
  /// J is taken at a z that is off by about the residual, so a residual of the adjoint system below
  /// this fraction of |v| is none of the true system, and a singular value of I - J below this
  /// fraction of the largest may as well be zero.
  public let accuracies: [Double]
  /// 0 for the adjoint of a solution, and k for a system that the k-th derivative of gradients
  /// needs; its matrix is (I - J) or the transpose, in turn.
  public let order: Int

  /// A problem from its parts.
  ///
  /// - Parameters:
  ///   - cotangent: the right-hand side v.
  ///   - pullback: w -> J^T w.
  ///   - inverse: the forward solver's approximation of (J - I)^-1; default nil.
  ///   - accuracies: how accurately J is known, per sample; default the resolution of the dtype.
  ///   - order: the order of the derivative; default 0.
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
  /// Estimates w directly, outside of a backward pass.
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
