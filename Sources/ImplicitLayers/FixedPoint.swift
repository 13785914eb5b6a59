import Tensors

/// The solution z* of z = f(z), with gradients of everything that `map` captures.
///
/// ```swift
/// let z = try fixedPoint(from: z0, estimator: .exact) { z in (z.matmul(w) + x).tanh() }
/// let table = try gradients(of: z.square().sum())   // table[w], table[x]
/// ```
/// By the implicit function theorem dL/dtheta = u^T df/dtheta with u = (I - J^T)^-1 v, v = dL/dz*
/// and J = df/dz, all at z*: no iterate has to be kept. Which approximation of u is used is the
/// estimator's business; how z* is found, the solver's.
///
/// - Parameters:
///   - initial: the first iterate, of shape [batch, ...]. Implicit estimators give it no gradient:
///     z* does not depend on it.
///   - solver: how to iterate; default damping-free Picard iteration.
///   - estimator: how gradients are computed; default the exact adjoint.
///   - rule: when to stop; default a relative residual of 1e-6 within 100 evaluations.
///   - map: f.
/// - Returns: z*, recorded.
/// - Throws: what `map` or the estimator throws. Not converging is no error: see `solve` on a
///   solver, or `FixedPointLayer.solve`, for the report.
public func fixedPoint(
  from initial: Tensor, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .tolerance(relative: 1e-6, within: 100),
  _ map: @escaping (Tensor) throws -> Tensor
) throws -> Tensor {
  try fixedPoint(
    of: FixedPointMap(map), from: initial, using: solver, estimator: estimator, until: rule)
}

/// The solution z* of z = f(z) for a map that may be restricted to some of the samples.
///
/// As for a closure, but samples that are done leave the solve.
public func fixedPoint(
  of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .tolerance(relative: 1e-6, within: 100)
) throws -> Tensor {
  try estimator.solution(of: map, from: initial, using: solver, until: rule).value
}

/// The solution z* of z = f(z) for a state of several tensors.
///
/// ```swift
/// let memory = try fixedPoint(from: Memory(tensors: [h0, c0])) { m in try cell(m, x) }
/// ```
/// As for one tensor; the solver and the estimator see the state as a whole (`FixedPointState`).
public func fixedPoint<State: FixedPointState>(
  from initial: State, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .tolerance(relative: 1e-6, within: 100),
  _ map: @escaping (State) throws -> State
) throws -> State {
  let layout = StateLayout(of: initial)
  let packedMap = FixedPointMap { z in try layout.packed(map(layout.state(z))) }
  let solution = try estimator.solution(
    of: packedMap, from: layout.packed(initial), using: solver, until: rule)
  return layout.state(solution.value)
}
