import Tensors

/// The rule that ends a forward solve, and that says what happens to samples which did not
/// converge.
///
/// ```swift
/// StoppingRule.tolerance(relative: 1e-4, limit: 50)   // |f(z) - z| <= 1e-4 |f(z)|, per sample
/// StoppingRule.accuracy(relative: 1e-6, limit: 200)    // z is off by 1e-6 |z|, as far as slopes tell
/// StoppingRule.evaluations(3)                          // slot attention's fixed number
/// StoppingRule.evaluations(3).keepingTrace()           // and every residual in the report
/// ```
/// The residual |f(z) - z| is the Euclidean norm of the whole sample, tested at the very z that is
/// returned; a relaxation does not loosen it.
public struct StoppingRule: Sendable, Equatable {
  /// The largest number of evaluations of the map, at least 1.
  public let limit: Int
  /// The residual that counts as converged; nil if the number of evaluations alone decides.
  public let tolerance: Tolerance?
  /// The number of evaluations without progress after which a sample is stalled.
  public let patience: Int
  /// What a call that returns only the solution does if a sample has not converged.
  public let onFailure: UnconvergedPolicy
  /// Whether the report keeps the residual of every iterate.
  public private(set) var keepsTrace = false

  /// What a call that returns the solution alone does where a sample has not converged.
  ///
  /// It concerns `fixedPoint`, `layer(x)`, `solution`, `root` and `minimum`. Where the report is returned
  /// too (`solveFixedPoint`, `layer.solve`, `solve`, `solver.solve`), an unconverged sample is an entry in
  /// it.
  public enum UnconvergedPolicy: Sendable, Equatable {
    /// An `UnconvergedSolve` is thrown, which names the samples and holds the report.
    case throwing
    /// The best iterate is returned as if it were the solution, as a training loop may want that
    /// goes on with the other samples; its gradient is that of a point which is no fixed point.
    case keeping
  }

  /// A bound: absolute + relative |f(z)| on the residual, or absolute + relative |z| on the distance of z
  /// from the solution.
  public struct Tolerance: Sendable, Equatable {
    /// The part that is a fraction of the state's size.
    public let relative: Double
    /// The part that does not depend on the state's size.
    public let absolute: Double
    /// Whether it bounds the distance and not the residual.
    public let isOfDistance: Bool

    /// Whether a residual is small enough; `largest` is the largest residual of earlier iterates,
    /// or 0, and `first` is |f(z)| of the first of them.
    ///
    /// Where f(z) grows without bound its residual becomes a small fraction of it, and z is no nearer
    /// to a fixed point than before: a residual that has not fallen to half is also compared with the
    /// first |f(z)|, which does not grow.
    func accepts(residual: Double, imageNorm: Double, largest: Double, first: Double) -> Bool {
      // An image that has overflowed is infinitely far from z, and infinitely large.
      residual.isFinite && residual <= absolute + relative * imageNorm
        && (largest == 0 || residual <= absolute + relative * first || residual <= 0.5 * largest)
    }

    /// The size that counts as that of a state at 0: where both parts of the bound are as large, at most 1.
    var sizeAtZero: Double { absolute > 0 ? min(1, absolute / relative) : 0 }

    /// Whether z is near enough to the solution, if z - f(z) changes by `slope` times a change of
    /// z.
    ///
    /// f(z) - z is known only to `rounding`, so a bound far below that would be met only by chance.
    func accepts(residual: Double, norm: Double, slope: Double, rounding: Double) -> Bool {
      let bound = slope * (absolute + relative * norm)
      return slope > 0 && residual <= bound && rounding <= 32 * bound
    }
  }

  /// Exactly `count` evaluations of the map; no test of the residual.
  ///
  /// The result is the iterate after the last of them, whatever the estimator: an implicit one
  /// records that last evaluation. Evaluations that a solver needs for a derivative
  /// (Newton-Krylov) come on top.
  ///
  /// Stops when `count` is not positive.
  public static func evaluations(_ count: Int) -> StoppingRule {
    StoppingRule(limit: count, tolerance: nil, patience: count, onFailure: .keeping)
  }

  /// Until |f(z) - z| <= absolute + relative |f(z)| in every sample, within `limit` evaluations.
  ///
  /// After the first iterate, growth of |f(z)| alone does not fulfil it, as that of z -> z + 1 would: a
  /// residual that exceeds half of the sample's largest one is also compared with absolute + relative
  /// |f(z)| of the sample's first iterate.
  /// ([Why](../../Docs/Explanation/Decisions/GrowthIsNoConvergence.md).)
  ///
  /// Stops when a tolerance is negative or not a number, or `limit` or `patience` not positive.
  ///
  /// - Parameters:
  ///   - relative: a fraction of |f(z)|. Below the dtype's resolution (1e-7 for float32) it cannot
  ///     be met except by chance; the report says so then.
  ///   - absolute: the part of the bound that does not depend on |f(z)|; default 0.
  ///   - limit: the largest number of evaluations per sample.
  ///   - patience: default 50 evaluations in which the residual neither falls below all earlier
  ///     ones nor, as it does on the way from one region to another, grows above them.
  ///   - onFailure: what `fixedPoint` and `layer(x)` do about samples that did not converge; default
  ///     throwing.
  /// - Returns: the rule.
  public static func tolerance(
    relative: Double, absolute: Double = 0, limit: Int, patience: Int = 50,
    onFailure: UnconvergedPolicy = .throwing
  ) -> StoppingRule {
    StoppingRule(
      limit: limit,
      tolerance: Tolerance(relative: relative, absolute: absolute, isOfDistance: false),
      patience: patience, onFailure: onFailure)
  }

  /// Until z is within absolute + relative |z| of the solution in every sample, as far as slopes tell.
  ///
  /// For equations F(z) = z - f(z) = 0 whose units say nothing: |F| is divided by how much F changes with
  /// z, |dF| / |dz|, which is measured at the start and then along the solve's own steps. So the rule is
  /// the same for F and 1000 F. It is an estimate: where dF/dz stretches some directions much more than
  /// others, z may be further away in those that it stretches least.
  ///
  /// At the start it takes a product with the Jacobian where the solver differentiates f itself, as
  /// Newton's method does; for other solvers a difference, a short way along f(z) - z, so that f may be
  /// any function. Near 0 F is also evaluated as far from z as the accuracy reaches. Where F is computed
  /// as exactly 0 in every entry, z counts as a solution whatever the slope: nothing tells z from one,
  /// also where F is 0 by underflow or cancellation alone.
  /// ([Why](../../Docs/Explanation/Decisions/AccuracyOfEquations.md).)
  ///
  /// Stops as `tolerance` does.
  ///
  /// - Parameters:
  ///   - relative: a fraction of |z|. Below the dtype's resolution (1e-7 for float32), divided by
  ///     |dF| / |dz| where that is below 1, it cannot be met; the report says so then.
  ///   - absolute: for solutions at 0; default 0.
  ///   - limit: the largest number of evaluations per sample.
  ///   - patience: as in `tolerance`; default 50 evaluations.
  ///   - onFailure: as in `tolerance`; default throwing.
  /// - Returns: the rule.
  /// - Complexity: in addition to `tolerance`, at the first iterate one evaluation and one product, or
  ///   one to four evaluations; two to four more where only chords as long as the accuracy can tell,
  ///   which is near 0. One more at an iterate where z - f(z) is 0.
  public static func accuracy(
    relative: Double, absolute: Double = 0, limit: Int, patience: Int = 50,
    onFailure: UnconvergedPolicy = .throwing
  ) -> StoppingRule {
    StoppingRule(
      limit: limit,
      tolerance: Tolerance(relative: relative, absolute: absolute, isOfDistance: true),
      patience: patience, onFailure: onFailure)
  }

  /// The default for fixed points: a relative residual of 1e-6 in every sample, within 100 evaluations.
  public static let forFixedPoints = StoppingRule.tolerance(relative: 1e-6, limit: 100)

  /// The default for equations and minima: x within 1e-8 + 1e-6 |x| of the solution in every sample, as
  /// far as the slopes of F tell, within 200 evaluations.
  ///
  /// The norms are Euclidean, over all unknowns of a sample; the absolute part is for solutions at 0.
  /// The units of F do not matter, except that F is added to x: one that changes with x by less than the
  /// dtype resolves of x is not solved, and the report says by what to multiply it. Where F is computed
  /// as exactly 0, x counts as a solution whatever the slope, as 0 of x^2; it has no derivative there,
  /// and a gradient says so. For a bound on |F| itself there is `tolerance`.
  public static let forEquations = StoppingRule.accuracy(
    relative: 1e-6, absolute: 1e-8, limit: 200)

  /// The same rule, with the residual of every iterate kept in the report.
  ///
  /// Costs a residual per evaluation where the rule alone would need none.
  public func keepingTrace() -> StoppingRule {
    var rule = self
    rule.keepsTrace = true
    return rule
  }

  private init(
    limit: Int, tolerance: Tolerance?, patience: Int, onFailure: UnconvergedPolicy
  ) {
    if let tolerance {
      expect(
        tolerance.relative >= 0 && tolerance.absolute >= 0,
        "a tolerance cannot be negative: relative \(tolerance.relative), absolute "
          + "\(tolerance.absolute)")
    }
    expect(limit > 0, "a solve needs at least one evaluation, not \(limit)")
    expect(patience > 0, "a solve needs patience for at least one evaluation, not \(patience)")
    (self.limit, self.tolerance) = (limit, tolerance)
    (self.patience, self.onFailure) = (patience, onFailure)
  }
}
