import Tensors

/// When a forward solve ends.
///
/// ```swift
/// StoppingRule.tolerance(relative: 1e-4, within: 50)   // |f(z) - z| <= 1e-4 |f(z)|, per sample
/// StoppingRule.evaluations(3)                          // slot attention's fixed number
/// ```
/// The residual |f(z) - z| is the Euclidean norm of the whole sample, tested at the very z that is
/// returned; damping does not loosen it.
public struct StoppingRule: Sendable, Equatable {
  /// The largest number of evaluations of the map, at least 1.
  public let limit: Int
  /// The residual that counts as converged; nil if the number of evaluations alone decides.
  public let tolerance: Tolerance?

  /// A bound on the residual: absolute + relative |f(z)|.
  public struct Tolerance: Sendable, Equatable {
    /// The part that is a fraction of |f(z)|.
    public let relative: Double
    /// The part that does not depend on the state's size.
    public let absolute: Double

    func accepts(residual: Double, imageNorm: Double) -> Bool {
      residual <= absolute + relative * imageNorm
    }
  }

  /// Exactly `count` evaluations, no test of the residual.
  ///
  /// Stops when `count` is not positive.
  public static func evaluations(_ count: Int) -> StoppingRule {
    StoppingRule(limit: count, tolerance: nil)
  }

  /// Until |f(z) - z| <= absolute + relative |f(z)| in every sample, within `limit` evaluations.
  ///
  /// Stops when a tolerance is negative or not a number, or `limit` is not positive.
  public static func tolerance(
    relative: Double, absolute: Double = 0, within limit: Int
  ) -> StoppingRule {
    expect(
      relative >= 0 && absolute >= 0,
      "a tolerance cannot be negative: relative \(relative), absolute \(absolute)")
    return StoppingRule(
      limit: limit, tolerance: Tolerance(relative: relative, absolute: absolute))
  }

  private init(limit: Int, tolerance: Tolerance?) {
    expect(limit > 0, "a solve needs at least one evaluation, not \(limit)")
    self.limit = limit
    self.tolerance = tolerance
  }
}
