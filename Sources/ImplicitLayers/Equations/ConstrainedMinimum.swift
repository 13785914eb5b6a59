import Tensors

/// A minimum under equations, with the multipliers of the equations.
public struct ConstrainedPoint: FixedPointState {
  /// Where the loss is least, [batch, ...].
  public let x: Tensor
  /// lambda, [batch, m]: how fast the least loss falls as an equation h = 0 becomes h = epsilon, so that
  /// d(least loss)/d(epsilon) = -lambda.
  public let multipliers: Tensor

  /// x and the multipliers lambda, which are solved for together.
  public var tensors: [Tensor] { [x, multipliers] }

  /// A point from x and lambda.
  public init(tensors: [Tensor]) { (x, multipliers) = (tensors[0], tensors[1]) }
}

/// The x at which a loss is least among those with h(x) = 0, near `initial`.
///
/// ```swift
/// let point = try minimum(of: { x in cost(x, a) }, subjectTo: { x in budget(x, b) }, from: start)
/// let table = try gradients(of: utility(point.x))
/// ```
/// A root of the conditions of Karush, Kuhn and Tucker, dL/dx + (dh/dx)^T lambda = 0 and h(x) = 0,
/// whose Jacobian is symmetric but not definite. Newton's method finds any stationary point, a maximum as
/// well, so begin near the minimum, or check.
///
/// - Parameters:
///   - loss: L, [batch]: one number for each sample.
///   - equations: h, [batch, m]; their gradients at x have to be independent.
///   - initial: where the search begins, [batch, ...]; the multipliers begin at 0.
///   - solver: default Newton's method with GMRES inside.
///   - estimator: default the exact adjoint.
///   - rule: when to stop; default `.forEquations`.
/// - Returns: x and lambda, recorded.
/// - Throws: `UnconvergedSolve`; what the functions throw. Where gradients of the equations depend on each
///   other the multipliers are not determined, and the backward pass throws `BackwardFailure`.
public func minimum(
  of loss: @escaping (Tensor) throws -> Tensor,
  subjectTo equations: @escaping (Tensor) throws -> Tensor, from initial: Tensor,
  using solver: any ForwardSolver = .newtonKrylov(), estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forEquations
) throws -> ConstrainedPoint {
  try solveMinimum(
    of: loss, subjectTo: equations, from: initial, using: solver, estimator: estimator, until: rule
  ).converged(as: .minimum)
}

/// As `minimum(of:subjectTo:from:)`, but returns the report too.
///
/// ```swift
/// let found = try solveMinimum(
///   of: { x in cost(x, a) }, subjectTo: { x in budget(x, b) }, from: start)
/// if found.report.converged { print(found.value.multipliers) }
/// ```
/// A sample that was not solved is an entry in the report and no error.
///
/// - Parameters:
///   - loss: L, [batch]: one number for each sample.
///   - equations: h, [batch, m]; their gradients at x have to be independent.
///   - initial: where the search begins, [batch, ...]; the multipliers begin at 0.
///   - solver: default Newton's method with GMRES inside.
///   - estimator: default the exact adjoint.
///   - rule: when to stop; default `.forEquations`.
/// - Returns: x and lambda, recorded, with the report.
/// - Throws: what the functions throw; `CancellationError` where the task is cancelled.
public func solveMinimum(
  of loss: @escaping (Tensor) throws -> Tensor,
  subjectTo equations: @escaping (Tensor) throws -> Tensor, from initial: Tensor,
  using solver: any ForwardSolver = .newtonKrylov(), estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forEquations
) throws -> Solution<ConstrainedPoint> {
  let count = try withoutRecording { try equations(initial.detached()) }.shape
  expect(
    count.rank == 2 && count[0] == initial.shape[0],
    "equations return [batch, m], m of them for each sample, not \(count)")
  let start = ConstrainedPoint(tensors: [
    initial, .zeros(count, dtype: initial.dtype),
  ])
  let conditions = Equation<ConstrainedPoint>.root { point in
    let values = try equations(point.x)
    let slope = try gradient(at: point.x) { x in
      try checkedLosses(loss, at: x).sum() + (equations(x) * point.multipliers).sum()
    }
    return ConstrainedPoint(tensors: [slope, values])
  }
  return try solve(conditions, from: start, using: solver, estimator: estimator, until: rule)
}
