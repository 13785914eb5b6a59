import Tensors

/// The adjoint from the inverse Jacobian that a quasi-Newton forward solve has built already.
///
/// With H ~ (J - I)^-1, u = (I - J^T)^-1 v is about -H^T v, which costs no pullback (Ramzi et al.
/// 2022, "SHINE"). H knows the directions through which the forward solve went, and not v, so the
/// error is not controlled: `refinements` steps of GMRES, started from this estimate and
/// preconditioned by -H^T, reduce and measure it. To meet a given residual, use
/// `.gmres(tolerance:reusingInverse:)`.
///
/// The gradient has the derivatives of the equation, to any order, in which H or its transpose stands for
/// the inverse (`EstimateDerivative.ofEquation`): as good as the estimate is.
public struct QuasiNewtonReuse: AdjointEstimator {
  /// The number of steps of refinement, each of which costs one pullback; two more pullbacks
  /// measure the residual before and after.
  public let refinements: Int
  /// What happens to samples whose refinement is not finite.
  public let onFailure: FailurePolicy
  /// The inverse is required: the forward solver has to build one.
  public var inverseUse: InverseUse { .required }

  /// An estimator.
  ///
  /// Stops when `refinements` is negative.
  ///
  /// - Parameters:
  ///   - refinements: the number of steps of refinement; default 0.
  ///   - onFailure: what happens to samples whose refinement is not finite; default throwing.
  public init(refinements: Int = 0, onFailure: FailurePolicy = .throwing) {
    expect(refinements >= 0, "the number of refinements cannot be negative: \(refinements)")
    self.refinements = refinements
    self.onFailure = onFailure
  }

  /// `.ofEquation`: the derivative is that of the equation, again with H in place of the inverse.
  public var derivative: EstimateDerivative { .ofEquation }
  /// The name in reports, "reused inverse".
  public var name: String {
    "reused inverse" + (refinements > 0 ? ", \(refinements) steps" : "")
  }
  /// The family "reused inverse", with or without refinement.
  public var family: String { "reused inverse" }

  /// The product -H^T v, refined.
  ///
  /// - Throws: `MissingInverse` if the forward solver has built none.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    guard let inverse = problem.reusedInverse else { throw MissingInverse() }
    let start = try inverse(problem.cotangent)
    guard refinements > 0 else { return AdjointEstimate(value: start) }
    let found = try GMRES(dimension: refinements, tolerance: 0, limit: refinements + 2).solve(
      problem.cotangent, from: start, preconditioner: inverse, applying: problem.system)
    var report = found.report
    for sample in report.samples.indices where report.samples[sample].outcome != .nonFinite {
      report.samples[sample].outcome = .notMeasured
    }
    return AdjointEstimate(value: found.value, report: report)
  }
}

extension BackwardEstimator where Self == QuasiNewtonReuse {
  /// The forward solver's inverse, transposed, with some steps of refinement.
  public static func quasiNewtonReuse(
    refinements: Int = 0, onFailure: FailurePolicy = .throwing
  ) -> QuasiNewtonReuse {
    QuasiNewtonReuse(refinements: refinements, onFailure: onFailure)
  }
}
