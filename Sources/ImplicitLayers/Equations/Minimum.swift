import Tensors

extension Equation where State == Tensor {
  /// dL/dx = 0, as a minimum without constraints satisfies.
  ///
  /// - Parameter loss: L, [batch]: one number for each sample.
  /// - Returns: a root of dL/dx: a minimum, a maximum, or a saddle.
  public static func stationary(_ loss: @escaping (Tensor) throws -> Tensor) -> Equation {
    .root { x in try slope(of: loss, at: x) }
  }

  /// x = P(x - s dL/dx), as a minimum over a convex set satisfies for any s > 0.
  ///
  /// - Parameters:
  ///   - loss: L, [batch].
  ///   - set: with its projection P.
  ///   - stepSize: s; default 1. Iteration needs s < 2 / the largest curvature.
  /// - Returns: a fixed point of x -> P(x - s dL/dx).
  public static func stationary(
    _ loss: @escaping (Tensor) throws -> Tensor, over set: ConvexSet, stepSize: Double = 1
  ) -> Equation {
    expect(stepSize > 0, "a step against the gradient has a positive size, not \(stepSize)")
    return .fixedPoint { x in try set.projection(x - slope(of: loss, at: x) * stepSize) }
  }
}

/// dL/dx of every sample, recorded where recording is on.
private func slope(of loss: (Tensor) throws -> Tensor, at x: Tensor) throws -> Tensor {
  try gradient(at: x) { x in try checkedLosses(loss, at: x).sum() }
}

/// L(x), of which there has to be one number for each sample.
func checkedLosses(_ loss: (Tensor) throws -> Tensor, at x: Tensor) throws -> Tensor {
  let losses = try loss(x)
  expect(
    losses.shape == [x.shape[0]],
    "a loss that is minimised returns one number for each sample, shape [\(x.shape[0])], not "
      + "\(losses.shape)")
  return losses
}

/// The x at which a loss is least, near `initial`, with gradients of everything the loss captures.
///
/// ```swift
/// let w = try minimum(of: { w in ridge(w, penalty) }, from: start)
/// let table = try gradients(of: validationLoss(w))          // table[penalty]
/// ```
/// The solver descends; the derivatives are those of dL/dx = 0, with the Hessian for dF/dx: any order.
/// Where the Hessian is singular the backward solve says so. A search that begins on a saddle or a maximum
/// stays there, as the gradient is 0.
///
/// - Parameters:
///   - loss: L, [batch]: one number for each sample.
///   - initial: where the descent begins, [batch, ...].
///   - solver: default L-BFGS; `.newtonCG()`, or any solver of equations, which may find a saddle.
///   - estimator: how gradients are computed; default the exact adjoint.
///   - rule: when to stop, by |dL/dx| beside |x|; default `defaultEquationRule`, for a loss whose
///     curvatures are about 1. A loss that has no minimum but becomes flat is accepted where it is flat
///     enough.
/// - Returns: x, recorded.
/// - Throws: `UnconvergedSolve`; what the loss throws.
/// - Complexity: for each trial point of a descent, an evaluation of L, one with its gradient, and one of
///   the rule's evaluations. For the gradient, by the default estimator, a product with the Hessian for
///   each number of a sample; `.gmres()` takes fewer where there are many.
public func minimum(
  of loss: @escaping (Tensor) throws -> Tensor, from initial: Tensor,
  using solver: any ForwardSolver = .lbfgs(), estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = defaultEquationRule
) throws -> Tensor {
  var map = FixedPointMap(Equation.stationary(loss).map)
  map.loss = { x in try checkedLosses(loss, at: x) }
  return try fixedPoint(of: map, from: initial, using: solver, estimator: estimator, until: rule)
}

/// The x in a convex set at which a loss is least, near `initial`.
///
/// ```swift
/// let p = try minimum(of: { p in risk(p, returns) }, over: .simplex, from: start, stepSize: 0.1)
/// ```
/// The projected gradient, x <- P(x - s dL/dx), accelerated by the solver; differentiated through that
/// condition, so that only the free directions at x move. L has to be defined near the set too, as
/// accelerated iterates may leave it; those of `.picard()` do not.
///
/// - Parameters:
///   - loss: L, [batch].
///   - set: over which.
///   - initial: where the search begins, [batch, ...]: at the nearest point of the set.
///   - stepSize: s, for all samples; default 1 / the largest curvature of any sample where the search
///     begins, by twenty products with the Hessian. Where curvatures grow on the way that is too long,
///     and the solve fails: give a smaller one.
///   - solver: default the automatic one, which begins with Anderson's acceleration.
///   - estimator: default the exact adjoint.
///   - rule: when to stop, by |P(x - s dL/dx) - x|; default `defaultEquationRule`.
/// - Returns: x, recorded, in the set.
/// - Throws: `UnconvergedSolve`; what the loss throws.
public func minimum(
  of loss: @escaping (Tensor) throws -> Tensor, over set: ConvexSet, from initial: Tensor,
  stepSize: Double? = nil, using solver: any ForwardSolver = .automatic,
  estimator: any BackwardEstimator = .exact, until rule: StoppingRule = defaultEquationRule
) throws -> Tensor {
  let start = try withoutRecording { try set.projection(initial.detached()) }
  let size = try stepSize ?? withoutRecording { try stableStep(loss, at: start) }
  let x = try solution(
    of: .stationary(loss, over: set, stepSize: size), from: start, using: solver,
    estimator: estimator, until: rule)
  // An accelerated iterate may be outside by as much as the rule tolerates.
  return try x.withElements(of: withoutRecording { try set.projection(x.detached()) })
}

/// 1 / the largest eigenvalue of the Hessian in modulus, by twenty power iterations.
private func stableStep(_ loss: (Tensor) throws -> Tensor, at x: Tensor) throws -> Double {
  let near = try Linearization(at: x) { x in try slope(of: loss, at: x) }
  var generator = Philox(seed: 20)
  var direction = Tensor.normal(x.shape, dtype: x.dtype, using: &generator)
  var curvatures: [Double] = []
  for _ in 0..<20 {
    let norms = direction.normsOfSamples
    direction = direction.scalingSamples(by: norms.map { $0 > 0 ? 1 / $0 : 0 })
    direction = try near.pullback(direction)
    curvatures = direction.normsOfSamples
  }
  let largest = curvatures.filter(\.isFinite).max() ?? 0
  return largest > 0 ? 1 / largest : 1
}
