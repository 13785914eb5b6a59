import Tensors

/// The solution z* of z = f(z), with gradients of everything that `map` captures.
///
/// ```swift
/// let z = try fixedPoint(from: z0, estimator: .exact) { z in (z.matmul(w) + x).tanh() }
/// let table = try gradients(of: z.square().sum())   // table[w], table[x]
/// ```
/// By the implicit function theorem dL/dtheta = u^T df/dtheta with u = (I - J^T)^-1 v, v = dL/dz*
/// and J = df/dz, all at z*, so no iterate has to be kept. The estimator decides how u is
/// approximated, and the solver how z* is found.
///
/// - Parameters:
///   - initial: the first iterate: a tensor [batch, ...], or a state of several. Implicit
///     estimators give it no gradient: z* does not depend on it.
///   - solver: how to iterate; default plain Picard iteration.
///   - estimator: how gradients are computed; default the exact adjoint.
///   - rule: when to stop; default a relative residual of 1e-6 within 100 evaluations.
///   - map: f.
/// - Returns: z*, recorded.
/// - Throws: `UnconvergedSolve` where a sample does not meet the tolerance, unless the rule says
///   `.keeping`; what `map` or the estimator throws; `CancellationError` where the task is
///   cancelled.
/// - Complexity: in time that of the solver, and one recorded evaluation; the tape holds that one alone.
///   For the gradient, the default estimator takes a pullback for each number of a sample, and the
///   square of their number in memory for every sample; `.gmres()` takes some tens of pullbacks and
///   vectors, for states of thousands of numbers.
public func fixedPoint<State: FixedPointState>(
  from initial: State, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forFixedPoints,
  _ map: @escaping (State) throws -> State
) throws -> State {
  try solveFixedPoint(from: initial, using: solver, estimator: estimator, until: rule, map)
    .converged()
}

/// The solution z* of z = f(z) for a state of one tensor, without a detour over arrays of tensors.
public func fixedPoint(
  from initial: Tensor, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forFixedPoints,
  _ map: @escaping (Tensor) throws -> Tensor
) throws -> Tensor {
  try fixedPoint(
    of: FixedPointMap(map), from: initial, using: solver, estimator: estimator, until: rule)
}

/// The solution z* of z = f(z) for a map that may be restricted to some of the samples.
///
/// As for a closure, but samples that are done leave the solve. `solveFixedPoint` returns the report
/// too.
public func fixedPoint(
  of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forFixedPoints
) throws -> Tensor {
  try solveFixedPoint(of: map, from: initial, using: solver, estimator: estimator, until: rule)
    .converged()
}

/// As `fixedPoint`, but returns the report too.
///
/// ```swift
/// let solution = try solveFixedPoint(from: z0) { z in (z.matmul(w) + x).tanh() }
/// if !solution.report.converged { print(solution.report) }
/// ```
/// A sample that does not converge is an entry in the report and no error.
public func solveFixedPoint<State: FixedPointState>(
  from initial: State, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forFixedPoints,
  _ map: @escaping (State) throws -> State
) throws -> Solution<State> {
  let layout = StateLayout(of: initial)
  let packed = FixedPointMap { z in try layout.packed(map(layout.state(z))) }
  return try estimator.solution(
    of: packed, from: layout.packed(initial), using: solver, until: rule
  ).map(layout.state)
}

/// As `fixedPoint` for a map that may be restricted to some of the samples, but returns the report too.
///
/// ```swift
/// let map = FixedPointMap({ z in (z.matmul(w) + x).tanh() }) { positions in
///   let some = x.samples(positions)
///   return { z in (z.matmul(w) + some).tanh() }
/// }
/// let solution = try solveFixedPoint(of: map, from: z0, estimator: .gmres())
/// print(solution.report.sampleEvaluations)   // less than the batch times the longest
/// ```
/// A sample that does not converge is an entry in the report and no error.
///
/// - Parameters:
///   - map: f, of states [batch, ...].
///   - initial: the first iterate, [batch, ...].
///   - solver: how to iterate; default plain Picard iteration.
///   - estimator: how gradients are computed; default the exact adjoint.
///   - rule: when to stop; default a relative residual of 1e-6 within 100 evaluations.
/// - Returns: z*, recorded, with the report.
/// - Throws: what `map` or the estimator throws; `CancellationError` where the task is cancelled.
public func solveFixedPoint(
  of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forFixedPoints
) throws -> Solution<Tensor> {
  try estimator.solution(of: map, from: initial, using: solver, until: rule)
}
