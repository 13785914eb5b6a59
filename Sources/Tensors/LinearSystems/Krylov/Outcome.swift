/// How an iteration ended for a sample: a linear solve, or the solve of a fixed point.
public enum Outcome: Sendable, Equatable, CaseIterable {
  /// The residual met the tolerance of the rule or method.
  case converged
  /// The limit of evaluations was reached before the tolerance was met.
  case limitReached
  /// The residual grew far beyond that of the start: for a fixed point beyond a thousand times the larger
  /// of 1 and the first |f(z) - z| + |f(z)|.
  case diverged
  /// More iterations brought no further progress.
  case stalled
  /// The map or the operator returned NaN or infinity.
  case nonFinite
  /// The linear system has no unique solution, as far as its matrix is known.
  case singular
  /// The rule asked for a fixed number of evaluations, so the residual was not compared with a
  /// tolerance.
  case notMeasured

  /// Whether the sample was to meet a tolerance and did not meet it.
  public var isFailure: Bool { self != .converged && self != .notMeasured }
}
