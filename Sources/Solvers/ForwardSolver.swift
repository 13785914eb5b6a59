import Tensors

/// A way to choose the next iterate.
///
/// ```swift
/// struct Halfway: ForwardSolver {
///   func next(after point: Iterate, _ history: inout NoHistory) -> Tensor {
///     (point.z + point.image) * 0.5
///   }
/// }
/// ```
/// A solver sees the iterate with what is known of it, and its own history. The loop, stopping, the
/// best iterate and the report are the same for all solvers, in `solve`, which has a default. `next`
/// must treat samples (axis 0) independently and be written in tensor operators, so that unrolling
/// differentiates through it.
///
/// The history says of which tensors and numbers it consists (`PerSample`); that samples which are
/// done leave the solve, that unrolling is truncated and that it keeps checkpoints, follows from it.
public protocol ForwardSolver: Sendable {
  /// What the solver remembers from earlier iterates.
  associatedtype History: PerSample = NoHistory

  /// The history before the first iterate.
  func makeHistory() -> History

  /// The iterate after a point.
  ///
  /// - Parameters:
  ///   - point: z, f(z) and their difference, [rows, n]; and the map, for a solver that evaluates
  ///     it elsewhere or needs its Jacobian.
  ///   - history: the solver's own.
  /// - Returns: the next iterate, [rows, n].
  /// - Throws: what the map throws, and what makes it impossible to go on with any sample.
  func next(after point: Iterate, _ history: inout History) throws -> Tensor

  /// Iterates `map` from `initial` until `rule` is met; default the library's loop.
  ///
  /// With a tolerance, each sample's result is its iterate of smallest residual |f(z) - z|, chosen
  /// by selection: a NaN in one sample changes no other and does not destroy its own best iterate.
  /// A sample is settled once it has converged, stalled, diverged or is no longer finite; the solve
  /// ends when all are settled. Settled samples leave the iteration if the map can be restricted to
  /// the others. With a number of evaluations, the result is the last iterate.
  ///
  /// It is a requirement so that the loop is compiled for every solver by itself.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - initial: the first iterate, [batch, ...]; a previous solution's value for a warm start.
  ///   - rule: when to stop.
  /// - Returns: the solution, recorded if recording is on: every step of it then is differentiated.
  /// - Throws: what `map` throws; `CancellationError` where the task is cancelled, within one
  ///   evaluation. Not converging is no error but an outcome in the report.
  /// - Complexity: at most `rule.limit` evaluations of each sample.
  func solve(
    _ map: FixedPointMap, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution<Tensor>

  /// What the history says of (J - I)^-1; default nil.
  func inverse(from history: History) -> (any InverseJacobian)?

  /// Whether there will be an inverse; default false.
  var learnsInverse: Bool { get }

  /// How many iterates in succession may be non-finite, or diverge, before a sample is given up.
  ///
  /// Default: 0. A solver that goes back to an earlier point after a bad step allows more.
  var toleratedFailures: Int { get }

  /// Whether the solver alone decides when to give a sample up (`CountedMap.giveUp`).
  ///
  /// Default: false; the loop does it when the sample diverges, stalls, or is no longer finite.
  var judgesFailures: Bool { get }

  /// Whether every step is z <- f(z), so that residuals show how f contracts; default false.
  var isPlainIteration: Bool { get }

  /// Whether it differentiates its map from the start (`CountedMap.linearization`); default false.
  ///
  /// The rule of accuracy then takes a derivative too; else it only evaluates the map, which may be any
  /// function.
  var differentiatesMap: Bool { get }

  /// What the solver is called in reports; default the name of its type.
  var name: String { get }
}

extension ForwardSolver {
  /// Runs the loop that all solvers share, until the rule ends it.
  public func solve(
    _ map: FixedPointMap, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    var run = SolveRun(self, of: map, from: initial, until: rule)
    try run.finish()
    return run.solution
  }

  /// Iterates a map given as a closure.
  public func solve(
    _ map: @escaping (Tensor) throws -> Tensor, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    try solve(FixedPointMap(map), from: initial, until: rule)
  }

  /// Nil, because most solvers learn no inverse Jacobian.
  public func inverse(from history: History) -> (any InverseJacobian)? { nil }
  /// False, because most solvers learn no inverse Jacobian.
  public var learnsInverse: Bool { false }
  /// 0: without a way back, the first failure of a sample is final.
  public var toleratedFailures: Int { 0 }
  /// False: the loop decides by the residuals when a sample is given up.
  public var judgesFailures: Bool { false }
  /// False, because nothing is known of the steps of a solver that does not say so.
  public var isPlainIteration: Bool { false }
  /// False: most solvers only evaluate the map.
  public var differentiatesMap: Bool { false }
  /// The name in reports, which is that of the type.
  public var name: String { "\(Self.self)" }
}

extension ForwardSolver where History == NoHistory {
  /// The history of a solver that remembers nothing.
  public func makeHistory() -> NoHistory { NoHistory() }
}
