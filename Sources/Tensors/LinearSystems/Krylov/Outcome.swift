/// How an iteration ended for a sample: a linear solve, or the solve of a fixed point.
public enum Outcome: Sendable, Equatable, CaseIterable {
  /// The residual met the tolerance.
  case converged
  /// The limit of evaluations was reached before that.
  case limitReached
  /// The iterates grew without bound.
  case diverged
  /// Going on brought nothing more.
  case stalled
  /// The map or the operator returned NaN or infinity.
  case nonFinite
  /// The linear system has no unique solution, as far as its matrix is known.
  case singular
  /// The rule asked for a number of evaluations, so the residual was not measured.
  case notMeasured

  /// Whether the sample was meant to meet a tolerance and did not.
  public var isFailure: Bool { self != .converged && self != .notMeasured }
}
