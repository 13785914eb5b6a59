import Tensors

extension Equation {
  /// The equation dL/dx = 0, which a minimum without constraints satisfies.
  ///
  /// ```swift
  /// let found = try solve(.stationary { w in ridge(w, penalty) }, from: start, using: .lbfgs())
  /// ```
  /// The equation carries its loss: `.lbfgs()` and `.newtonCG()` descend. Solvers of equations find any
  /// stationary point.
  ///
  /// - Parameter loss: L, [batch]: one number for each sample.
  /// - Returns: a root of dL/dx: a minimum, a maximum, or a saddle.
  public static func stationary(_ loss: @escaping (State) throws -> Tensor) -> Equation {
    var equation = Equation.root { x in try gradientOfLosses(loss, at: x) }
    equation.loss = { x in try checkedLosses(loss, at: x) }
    return equation
  }
}

extension Equation where State == Tensor {
  /// The equation x = P(x - s dL/dx), which a minimum over a convex set satisfies for any s > 0.
  ///
  /// Solvers that descend do not apply to it: they would leave the set.
  /// Stops when the step is not positive.
  ///
  /// - Parameters:
  ///   - loss: L, [batch].
  ///   - set: the set, with its projection P.
  ///   - stepSize: s; default 1. Iteration needs s < 2 / the largest curvature.
  /// - Returns: a fixed point of x -> P(x - s dL/dx).
  public static func stationary(
    _ loss: @escaping (Tensor) throws -> Tensor, over set: ConvexSet, stepSize: Double = 1
  ) -> Equation {
    expectStepSize(stepSize)
    return .fixedPoint { x in try set.projection(x - gradientOfLosses(loss, at: x) * stepSize) }
  }
}

/// dL/dx of every sample, recorded where recording is on.
func gradientOfLosses<State: FixedPointState>(
  _ loss: (State) throws -> Tensor, at x: State
) throws -> State {
  let gradients = try gradient(at: x.tensors) { tensors in
    try checkedLosses(loss, at: State(tensors: tensors)).sum()
  }
  return State(tensors: gradients)
}

/// L(x), after a check that there is one number for each sample.
func checkedLosses<State: FixedPointState>(
  _ loss: (State) throws -> Tensor, at x: State
) throws -> Tensor {
  let losses = try loss(x)
  let batch = x.tensors[0].shape[0]
  expect(
    losses.shape == [batch],
    "a loss that is minimised returns one number for each sample, shape [\(batch)], not "
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
///   - initial: where the descent begins: a tensor [batch, ...], or a state of several.
///   - solver: default L-BFGS; `.newtonCG()`, or any solver of equations, which may find a saddle.
///   - estimator: how gradients are computed; default the exact adjoint.
///   - rule: when to stop; default `.forEquations`, which looks at |dL/dx| beside how much it
///     changes with x, whatever the units of L.
/// - Returns: x, recorded.
/// - Throws: `UnconvergedSolve`; what the loss throws.
/// - Complexity: for each trial point of a descent, an evaluation of L, one with its gradient, and one of
///   the rule's evaluations. For the gradient, by the default estimator, a product with the Hessian for
///   each number of a sample; `.gmres()` takes fewer where there are many.
public func minimum<State: FixedPointState>(
  of loss: @escaping (State) throws -> Tensor, from initial: State,
  using solver: any ForwardSolver = .lbfgs(), estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forEquations
) throws -> State {
  try solveMinimum(of: loss, from: initial, using: solver, estimator: estimator, until: rule)
    .converged(as: .minimum)
}

/// As `minimum(of:from:)`, but returns the report too.
///
/// ```swift
/// let found = try solveMinimum(of: { w in ridge(w, penalty) }, from: start)
/// print(found.report.samples.map(\.outcome), found.report.evaluations)
/// ```
/// A sample that was not solved is an entry in the report and no error.
///
/// - Parameters:
///   - loss: L, [batch]: one number for each sample.
///   - initial: where the descent begins: a tensor [batch, ...], or a state of several.
///   - solver: default L-BFGS; `.newtonCG()`, or any solver of equations, which may find a saddle.
///   - estimator: how gradients are computed; default the exact adjoint.
///   - rule: when to stop; default `.forEquations`.
/// - Returns: x, recorded, with the report of how it was found; the residuals there are |dL/dx|.
/// - Throws: what the loss throws; `CancellationError` where the task is cancelled.
public func solveMinimum<State: FixedPointState>(
  of loss: @escaping (State) throws -> Tensor, from initial: State,
  using solver: any ForwardSolver = .lbfgs(), estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forEquations
) throws -> Solution<State> {
  try solve(.stationary(loss), from: initial, using: solver, estimator: estimator, until: rule)
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
/// Stops when the step is not positive.
///
/// - Parameters:
///   - loss: L, [batch].
///   - set: the set over which the loss is minimised.
///   - initial: where the search begins, [batch, ...]: at the nearest point of the set.
///   - stepSize: s, for all samples; default 1 / the largest curvature of each sample where the search
///     begins, by twenty products with the Hessian. Where curvatures grow on the way that is too long, and
///     the solve fails: it then goes on from the best point with a step that ten steps of plain
///     backtracking find short enough, up to seven times. A step of your own is kept: where the solve
///     fails with it, those ten steps are taken once, only for the advice in the error.
///   - solver: default the automatic one, which begins with Picard iteration: plain steps.
///   - estimator: default the exact adjoint.
///   - rule: when to stop, by |P(x - s dL/dx) - x| and its slope; default `.forEquations`.
/// - Returns: x, recorded, in the set.
/// - Throws: `UnconvergedSolve`, which says what step to try where the given one is too long; what the
///   loss throws.
public func minimum(
  of loss: @escaping (Tensor) throws -> Tensor, over set: ConvexSet, from initial: Tensor,
  stepSize: Double? = nil, using solver: any ForwardSolver = .automatic,
  estimator: any BackwardEstimator = .exact, until rule: StoppingRule = .forEquations
) throws -> Tensor {
  let (found, shorter) = try searched(
    loss, set, from: initial, stepSize, advising: true, using: solver, estimator, until: rule)
  return try found.converged(
    as: .minimum,
    advice: shorter.map { "the step against the gradient is too long: try stepSize: \($0)" })
}

/// As `minimum(of:over:from:)`, but returns the report too.
///
/// ```swift
/// let found = try solveMinimum(of: { p in risk(p, returns) }, over: .simplex, from: start)
/// if !found.report.converged { print(found.report) }
/// ```
/// A sample that was not solved is an entry in the report and no error. The report is that of the last
/// solve, which is the only one unless steps had to be shortened. Stops when the step is not positive.
///
/// - Parameters:
///   - loss: L, [batch].
///   - set: the set over which the loss is minimised.
///   - initial: where the search begins, [batch, ...]: at the nearest point of the set.
///   - stepSize: s, for all samples; default a length of each sample's own, as in `minimum`.
///   - solver: default the automatic one, which begins with Picard iteration.
///   - estimator: default the exact adjoint.
///   - rule: when to stop; default `.forEquations`.
/// - Returns: x, recorded, in the set, with the report.
/// - Throws: what the loss throws; `CancellationError` where the task is cancelled.
public func solveMinimum(
  of loss: @escaping (Tensor) throws -> Tensor, over set: ConvexSet, from initial: Tensor,
  stepSize: Double? = nil, using solver: any ForwardSolver = .automatic,
  estimator: any BackwardEstimator = .exact, until rule: StoppingRule = .forEquations
) throws -> Solution<Tensor> {
  try searched(
    loss, set, from: initial, stepSize, advising: false, using: solver, estimator, until: rule
  ).found
}

/// What a search over a set finds, and the shortest of the steps that would have been short enough where
/// it failed; nil where its steps were, and where nobody is advised about a step of the caller's own.
private func searched(
  _ loss: @escaping (Tensor) throws -> Tensor, _ set: ConvexSet, from initial: Tensor,
  _ stepSize: Double?, advising: Bool, using solver: any ForwardSolver,
  _ estimator: any BackwardEstimator, until rule: StoppingRule
) throws -> (found: Solution<Tensor>, shorter: Double?) {
  StateSharding.expectWhole(
    "a minimum over a set",
    instead: "where the projection is that of each part, as into a box, solve its equation with a "
      + "step of your own, solve(.stationary(loss, over: set, stepSize: s), from: start, "
      + "using: .anderson(), estimator: .gmres())")
  var start = try withoutRecording { try set.projection(initial.detached()) }
  var step = try withoutRecording { try GradientStep(stepSize, of: loss, over: set, at: start) }
  /// Solves; if samples fail, finds shorter steps, and where those lead.
  func attempt() throws -> (found: Solution<Tensor>, shorter: Double?) {
    let found = try solve(
      step.equation, from: start, using: solver, estimator: estimator, until: rule)
    let (failed, former) = (found.report.failed, step.sizes)
    if !failed.isEmpty, advising || stepSize == nil {
      start = try withoutRecording {
        try step.shorten(from: set.projection(found.value.detached()))
      }
    }
    return (found, failed.filter { step.sizes[$0] < former[$0] }.map { step.sizes[$0] }.min())
  }
  var last = try attempt()
  for _ in 0..<(stepSize == nil ? 7 : 0) where last.shorter != nil { last = try attempt() }
  // An accelerated iterate may lie outside the set, by as much as the rule tolerates.
  let inside = try withoutRecording { try set.projection(last.found.value.detached()) }
  return (last.found.map { $0.withElements(of: inside) }, last.shorter)
}
