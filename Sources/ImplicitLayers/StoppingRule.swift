import Tensors

/// When a forward solve ends.
///
/// ```swift
/// StoppingRule.tolerance(relative: 1e-4, within: 50)   // |f(z) - z| <= 1e-4 |f(z)|, per sample
/// StoppingRule.evaluations(3)                          // slot attention's fixed number
/// StoppingRule.evaluations(3).keepingTrace()           // and every residual in the report
/// ```
/// The residual |f(z) - z| is the Euclidean norm of the whole sample, tested at the very z that is
/// returned; damping does not loosen it.
public struct StoppingRule: Sendable, Equatable {
  /// The largest number of evaluations of the map, at least 1.
  public let limit: Int
  /// The residual that counts as converged; nil if the number of evaluations alone decides.
  public let tolerance: Tolerance?
  /// The number of evaluations without a smaller residual after which a sample is stalled.
  public let patience: Int
  /// Whether the report keeps the residual of every iterate.
  public private(set) var keepsTrace = false

  /// A bound on the residual: absolute + relative |f(z)|.
  public struct Tolerance: Sendable, Equatable {
    /// The part that is a fraction of |f(z)|.
    public let relative: Double
    /// The part that does not depend on the state's size.
    public let absolute: Double

    func accepts(residual: Double, imageNorm: Double) -> Bool {
      // An image that has overflowed is infinitely far from z, and infinitely large.
      residual.isFinite && residual <= absolute + relative * imageNorm
    }
  }

  /// Exactly `count` iterations, each with one evaluation of the map; no test of the residual.
  ///
  /// Evaluations that a solver needs for a derivative (Newton-Krylov) come on top, as does the
  /// recorded application of an implicit estimator, which is one iteration more.
  ///
  /// Stops when `count` is not positive.
  public static func evaluations(_ count: Int) -> StoppingRule {
    StoppingRule(limit: count, tolerance: nil, patience: count)
  }

  /// Until |f(z) - z| <= absolute + relative |f(z)| in every sample, within `limit` evaluations.
  ///
  /// Stops when a tolerance is negative or not a number, or `limit` or `patience` not positive.
  ///
  /// - Parameters:
  ///   - relative: a fraction of |f(z)|. Below the dtype's resolution (1e-7 for float32) it cannot
  ///     be met except by chance; the report says so then.
  ///   - absolute: default 0.
  ///   - limit: evaluations per sample.
  ///   - patience: default 50 evaluations, more than acceleration needs between two best iterates;
  ///     a map whose residuals grow for longer before they shrink needs more.
  /// - Returns: the rule.
  public static func tolerance(
    relative: Double, absolute: Double = 0, within limit: Int, patience: Int = 50
  ) -> StoppingRule {
    expect(
      relative >= 0 && absolute >= 0,
      "a tolerance cannot be negative: relative \(relative), absolute \(absolute)")
    return StoppingRule(
      limit: limit, tolerance: Tolerance(relative: relative, absolute: absolute),
      patience: patience)
  }

  /// The same rule, with the residual of every iterate kept in the report.
  ///
  /// Costs a residual per evaluation where the rule alone would need none.
  public func keepingTrace() -> StoppingRule {
    var rule = self
    rule.keepsTrace = true
    return rule
  }

  private init(limit: Int, tolerance: Tolerance?, patience: Int) {
    expect(limit > 0, "a solve needs at least one evaluation, not \(limit)")
    expect(patience > 0, "a solve needs patience for at least one evaluation, not \(patience)")
    self.limit = limit
    self.tolerance = tolerance
    self.patience = patience
  }
}
