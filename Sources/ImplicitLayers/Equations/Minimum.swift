import Tensors

extension Equation where State == Tensor {
  /// The equation dL/dx = 0, which a minimum without constraints satisfies.
  ///
  /// - Parameter loss: L, [batch]: one number for each sample.
  /// - Returns: a root of dL/dx: a minimum, a maximum, or a saddle.
  public static func stationary(_ loss: @escaping (Tensor) throws -> Tensor) -> Equation {
    .root { x in try slope(of: loss, at: x) }
  }

  /// The equation x = P(x - s dL/dx), which a minimum over a convex set satisfies for any s > 0.
  ///
  /// - Parameters:
  ///   - loss: L, [batch].
  ///   - set: the set, with its projection P.
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
func slope(of loss: (Tensor) throws -> Tensor, at x: Tensor) throws -> Tensor {
  try gradient(at: x) { x in try checkedLosses(loss, at: x).sum() }
}

/// L(x), after a check that there is one number for each sample.
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
///   - rule: when to stop; default `defaultEquationRule`, which looks at |dL/dx| beside how much it
///     changes with x, whatever the units of L.
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
  var map = Equation.stationary(loss).packed(StateLayout())
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
///   - set: the set over which the loss is minimised.
///   - initial: where the search begins, [batch, ...]: at the nearest point of the set.
///   - stepSize: s, for all samples; default 1 / the largest curvature of each sample where the search
///     begins, by twenty products with the Hessian. Where curvatures grow on the way that is too long, and
///     the solve fails: it then goes on from the best point with a step that ten steps of plain
///     backtracking find short enough, up to eight times.
///   - solver: default the automatic one, which begins with Anderson's acceleration.
///   - estimator: default the exact adjoint.
///   - rule: when to stop, by |P(x - s dL/dx) - x| and its slope; default `defaultEquationRule`.
/// - Returns: x, recorded, in the set.
/// - Throws: `UnconvergedSolve`, which says what step to try where the given one is too long; what the
///   loss throws.
public func minimum(
  of loss: @escaping (Tensor) throws -> Tensor, over set: ConvexSet, from initial: Tensor,
  stepSize: Double? = nil, using solver: any ForwardSolver = .automatic,
  estimator: any BackwardEstimator = .exact, until rule: StoppingRule = defaultEquationRule
) throws -> Tensor {
  StateSharding.expectWhole(
    "a minimum over a set",
    instead: "where the projection is that of each part, as into a box, solve its equation with a "
      + "step of your own, solve(.stationary(loss, over: set, stepSize: s), from: start, "
      + "using: .anderson(), estimator: .gmres())")
  var start = try withoutRecording { try set.projection(initial.detached()) }
  var step = try withoutRecording { try GradientStep(stepSize, of: loss, over: set, at: start) }
  for attempt in 1... {
    let found = try solve(
      step.equation, from: start, using: solver, estimator: estimator, until: rule)
    let (failed, former) = (found.report.failed, step.sizes)
    if !failed.isEmpty {
      start = try withoutRecording {
        try step.shorten(from: set.projection(found.value.detached()))
      }
    }
    let shorter = failed.filter { step.sizes[$0] < former[$0] }.map { step.sizes[$0] }.min()
    if stepSize == nil, shorter != nil, attempt < 8 { continue }
    let x = try found.converged(
      advice: shorter.map { "the step against the gradient is too long: try stepSize: \($0)" })
    // An accelerated iterate may lie outside the set, by as much as the rule tolerates.
    return try x.withElements(of: withoutRecording { try set.projection(x.detached()) })
  }
  return start
}
