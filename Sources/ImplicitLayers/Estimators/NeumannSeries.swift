import Tensors

/// The truncated Neumann series of the inverse, optionally relaxed.
///
/// With M = (1 - tau) I + tau J^T and the relaxation tau, w = tau * sum of M^k v for k < terms. With
/// tau = 1 that is the sum of (J^T)^k v; one term, w = v, is the first-order approximation of
/// Chang, Griffiths and Levine ("Object Representations as Fixed Points", section 3): one
/// differentiated application of f at the detached fixed point. With tau < 1 it is the gradient of
/// `terms` damped iterations at the fixed point (the phantom gradient of Geng et al. 2021).
///
/// For a linear map, w = (I - M^terms) u with the exact adjoint u: the error vanishes where the
/// spectral radius of M is below 1. A tau < 1 helps where J has eigenvalues of modulus above 1 with
/// real part below 1, and for few terms where eigenvalues are negative or complex; where they are
/// positive, it only slows the series down.
///
/// Costs terms - 1 pullbacks and the memory of one application: O(1) in the forward iterations.
///
/// Differentiated again, the gradient is treated as the sum of terms by which it was computed, at a
/// constant z* (`EstimateDerivative.ofComputation`). This does not approximate the second
/// derivative of the solution, however many terms there are, because z* does not move with theta.
public struct NeumannSeries: AdjointEstimator {
  /// The number of terms, at least 1.
  public let terms: Int
  /// The fraction of each iteration that is taken, in (0, 1].
  public let relaxation: Double

  /// A series of `terms` terms.
  ///
  /// Stops when there is no term, or when the relaxation is outside (0, 1].
  ///
  /// - Parameters:
  ///   - terms: the number of terms, at least 1.
  ///   - relaxation: the fraction of each iteration that is taken; default 1.
  public init(terms: Int, relaxation: Double = 1) {
    expect(terms >= 1, "a Neumann series needs at least one term, not \(terms)")
    expect(
      relaxation > 0 && relaxation <= 1,
      "the relaxation of a Neumann series must lie in (0, 1], not \(relaxation): it is the fraction "
        + "of each iteration that is taken")
    (self.terms, self.relaxation) = (terms, relaxation)
  }

  /// w <- tau v + (1 - tau) w + tau J^T w, terms - 1 times from w = tau v.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let start = relaxation < 1 ? problem.cotangent * relaxation : problem.cotangent
    var w = start
    for _ in 1..<terms {
      let image = try problem.pullback(w)
      w = relaxation < 1 ? start + w * (1 - relaxation) + image * relaxation : start + image
    }
    return AdjointEstimate(value: w)
  }

  /// "one step", "5 terms", "5 terms, relaxation 0.5".
  public var name: String {
    (terms == 1 ? "one step" : "\(terms) terms")
      + (relaxation < 1 ? ", relaxation \(relaxation)" : "")
  }
  /// The family of damped series, or the family of plain ones.
  public var family: String { relaxation < 1 ? "damped series" : "series" }
  /// This series itself.
  public var series: NeumannSeries? { self }
}

extension BackwardEstimator where Self == NeumannSeries {
  /// The Neumann series with the given number of terms, damped if `relaxation` is below 1.
  public static func neumann(terms: Int, relaxation: Double = 1) -> NeumannSeries {
    NeumannSeries(terms: terms, relaxation: relaxation)
  }

  /// The first-order approximation: one term, w = v.
  public static var oneStep: NeumannSeries { NeumannSeries(terms: 1) }
}
