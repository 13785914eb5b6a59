import Tensors

/// What happens to samples whose backward solve failed.
public enum FailurePolicy: Sendable {
  /// A `BackwardFailure` is thrown by the call that asked for gradients.
  case throwing
  /// The failed samples, and only they, get the estimate of another estimator; the report names
  /// both. If the gradient is differentiated again, this estimate counts as that of the estimator
  /// that it replaces, so take one that solves the equation if you need second derivatives. It gets
  /// the inverse that the forward solver has learned, if it asks for that; if it needs one and there is
  /// none, a `MissingInverse` is thrown where a sample fails.
  case fallback(to: any AdjointEstimator)
  /// The best estimate is kept; the report names the failed samples.
  case keeping
}

/// The error that a backward solve failed.
public struct BackwardFailure: Error, CustomStringConvertible {
  /// The name of the estimator of the adjoint.
  public let estimator: String
  /// The failed samples, in order.
  public let samples: [Int]
  /// What happened, sample by sample.
  public let report: LinearSolveReport
  /// What had happened in the forward solve.
  public let forward: SolveReport

  /// Which samples failed, how far they came, the likely cause and what to try.
  public var description: String {
    let shown = samples.prefix(8).map { sample in
      let entry = report.samples[sample]
      let condition = entry.condition.map { ", condition \($0)" } ?? ""
      return "sample \(sample) (\(entry.outcome), relative residual \(entry.relativeResidual) "
        + "after \(entry.applications) pullbacks\(condition))"
    }
    let more = samples.count > 8 ? " and \(samples.count - 8) more" : ""
    var lines = [
      "the adjoint (I - J^T) w = v was not solved by \(estimator) in \(samples.count) of "
        + "\(report.samples.count) samples: " + shown.joined(separator: ", ") + more
    ]
    if !Set(forward.failed).isDisjoint(with: samples) {
      lines.append(
        "the forward solve had not converged there either, so J is taken at a point that is no "
          + "fixed point: solve that first")
    }
    lines += BackwardFailure.advice.filter { outcome, _ in
      samples.contains { report.samples[$0].outcome == outcome }
    }.map(\.1)
    lines.append("to go on regardless, set onFailure to .fallback(to:) or .keeping")
    return lines.joined(separator: "; ")
  }

  private static let advice: [(Outcome, String)] = [
    (
      .singular,
      "singular: J has an eigenvalue at 1 as far as z is known, so that the gradient has no digit "
        + "left; if fixed points are not isolated use .leastSquares, else solve the forward problem "
        + "to a smaller residual, or in float64"
    ),
    (
      .stalled,
      "stalled: the estimator's iteration made no more progress; the tolerance may be below what "
        + "the dtype can represent, a restarted method need a larger dimension, or I - J be nearly "
        + "singular, of which .exact reports the condition"
    ),
    (
      .limitReached,
      "limit reached: raise the limit or loosen the tolerance; eigenvalues of J near 1 make every "
        + "iteration slow, for which a larger Krylov dimension or the forward solver's inverse as a "
        + "preconditioner (reusingInverse) helps"
    ),
    (
      .diverged,
      "diverged: the adjoint iteration is no contraction, as J has an eigenvalue of modulus above "
        + "1; use a Krylov method, which needs no contraction, or scale the recurrent weights down"
    ),
    (
      .nonFinite,
      "not finite: the cotangent or J^T w holds NaN or infinity; look for an overflow in the loss, "
        + "or a singular derivative of the map at the solution"
    ),
  ]
}

/// The error that an estimator needs an inverse which the forward solver has not built.
public struct MissingInverse: Error, CustomStringConvertible {
  /// What happened and what to try.
  public var description: String {
    "quasi-Newton reuse needs the inverse Jacobian that the forward solver learned, but this "
      + "solver learned none; solve with a quasi-Newton method such as Broyden's, or use the "
      + ".gmres estimator"
  }
}
