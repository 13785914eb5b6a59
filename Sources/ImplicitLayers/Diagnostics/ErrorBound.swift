import Foundation
import Tensors

/// How strongly a map contracts, and whether this is proved or estimated.
public enum Contraction: Sendable, Equatable {
  /// A Lipschitz constant of f on a ball that holds the iterate and the solution, which was proved
  /// in another way (for example as a product of weight norms). Bounds built on it are theorems.
  case lipschitz(Double)
  /// A number from a trace, a spectral radius or a power iteration. Such numbers may be too small,
  /// so bounds built on them are estimates.
  case estimated(Double)

  /// The contraction constant q, proved or estimated.
  public var constant: Double {
    switch self {
    case .lipschitz(let constant), .estimated(let constant): constant
    }
  }

  /// The factor by which a sample's residual shrank per evaluation: the geometric mean over the
  /// second half of its trace.
  ///
  /// It is meaningful only for plain Picard iteration: an accelerated method's residuals fall
  /// faster than f contracts, and a bound built on them could be too small by any factor.
  ///
  /// - Parameters:
  ///   - report: the report of a solve whose rule asked for the trace
  ///     (`StoppingRule.keepingTrace()`).
  ///   - sample: the sample's position in the batch.
  /// - Returns: the estimate; nil if another method solved, or if the trace has fewer than 3
  ///   residuals or none that can be compared.
  public static func estimated(from report: SolveReport, sample: Int) -> Contraction? {
    let residuals = report.samples[sample].trace
    guard report.isPlainIteration, residuals.count >= 3, let last = residuals.last else {
      return nil
    }
    let start = residuals.count - 1 - residuals.count / 2
    let steps = Double(residuals.count - 1 - start)
    let ratio = last / residuals[start]
    guard ratio.isFinite, ratio > 0 else { return nil }
    return .estimated(exp(log(ratio) / steps))
  }
}

/// A bound on an error, which says whether it is certified or estimated.
///
/// ```swift
/// let bound = try ErrorBound.solution(residual: sample.residual, contraction: .lipschitz(0.9))
/// bound.isCertified   // true: |z - z*| <= bound.value
/// ```
public struct ErrorBound: Sendable, Equatable, CustomStringConvertible {
  /// The error that the map is not known to contract, so that a residual bounds nothing.
  public struct NotAContraction: Error, CustomStringConvertible {
    /// The contraction constant that was given.
    public let contraction: Contraction

    /// What happened and what to try.
    public var description: String {
      "no bound follows from a contraction constant of \(contraction.constant): it must lie in "
        + "[0, 1), as |z - z*| <= |f(z) - z| / (1 - q); the solve may still be right (the spectral "
        + "radius can be below 1 where the norm is not), but that has to be shown in another norm "
        + "or with a smaller constant"
    }
  }

  /// The bound.
  public let value: Double
  /// The contraction on which the bound rests.
  public let contraction: Contraction

  /// Whether the bound is a theorem, given the Lipschitz constant; otherwise it is an estimate.
  public var isCertified: Bool {
    if case .lipschitz = contraction { return true }
    return false
  }

  /// "certified: error <= 1e-9 (Lipschitz constant 0.9)" or "estimated: ...".
  public var description: String {
    isCertified
      ? "certified: error <= \(value) (Lipschitz constant \(contraction.constant))"
      : "estimated: error about \(value) at most (contraction estimate \(contraction.constant))"
  }

  /// A bound of the solution's error: |z - z*| <= |f(z) - z| / (1 - q).
  ///
  /// It follows from z - z* = f(z) - f(z*) - (f(z) - z).
  ///
  /// - Parameters:
  ///   - residual: |f(z) - z| of a sample.
  ///   - contraction: the constant q.
  /// - Returns: the bound, certified if q is a Lipschitz constant.
  /// - Throws: `NotAContraction` unless q lies in [0, 1).
  public static func solution(
    residual: Double, contraction: Contraction
  ) throws -> ErrorBound {
    try ErrorBound(residual, over: 1, contraction)
  }

  /// A bound of the adjoint's error |w - u|.
  ///
  /// For the exact adjoint u at the computed z it is |v - (I - J^T) w| / (1 - q); for the adjoint
  /// at z*, the effect of the error of z is added.
  ///
  /// u(z) - u(z*) = (I - J(z)^T)^-1 (J(z) - J(z*))^T u(z*), so with a Lipschitz constant L of J the
  /// second part is at most L |z - z*| |v| / (1 - q)^2, for the same v at both points.
  ///
  /// - Parameters:
  ///   - residual: |v - (I - J^T) w| of a sample: the relative residual of the report times |v|.
  ///   - cotangentNorm: |v|. Its default is 0, as that of the next two parameters, which gives the
  ///     bound at the computed z.
  ///   - solutionResidual: the residual |f(z) - z|; default 0.
  ///   - jacobianLipschitz: the Lipschitz constant L of J; default 0.
  ///   - contraction: the constant q, with q >= |J|_2.
  /// - Returns: the bound, certified if q and L are Lipschitz constants.
  /// - Throws: `NotAContraction` unless q lies in [0, 1).
  public static func adjoint(
    residual: Double, cotangentNorm: Double = 0, solutionResidual: Double = 0,
    jacobianLipschitz: Double = 0, contraction: Contraction
  ) throws -> ErrorBound {
    let first = try ErrorBound(residual, over: 1, contraction)
    let second = try ErrorBound(
      jacobianLipschitz * cotangentNorm * solutionResidual, over: 3, contraction)
    return ErrorBound(value: first.value + second.value, contraction: contraction)
  }

  /// A bound for the undamped Neumann series: |w - u| <= q^terms |v| / (1 - q).
  ///
  /// - Throws: `NotAContraction` unless q lies in [0, 1).
  public static func neumann(
    terms: Int, cotangentNorm: Double, contraction: Contraction
  ) throws -> ErrorBound {
    try ErrorBound(
      cotangentNorm * pow(contraction.constant, Double(terms)), over: 1, contraction)
  }

  /// A bound of the error of (df/dtheta)^T w, from this bound of the error of w.
  ///
  /// - Parameter parameterJacobianNorm: |df/dtheta|_2 at the point at which w is applied.
  /// - Returns: the bound, as certified as this one.
  public func gradient(parameterJacobianNorm: Double) -> ErrorBound {
    ErrorBound(value: value * parameterJacobianNorm, contraction: contraction)
  }

  private init(value: Double, contraction: Contraction) {
    (self.value, self.contraction) = (value, contraction)
  }

  /// numerator / (1 - q)^power.
  private init(_ numerator: Double, over power: Int, _ contraction: Contraction) throws {
    let q = contraction.constant
    guard q >= 0 && q < 1 else { throw NotAContraction(contraction: contraction) }
    self.init(value: numerator / pow(1 - q, Double(power)), contraction: contraction)
  }
}

/// The amount by which a loss would change, sample by sample, if the solve were continued to its
/// end.
///
/// To first order L(z*) - L(z) = u^T (f(z) - z), with the adjoint u at z: the residual, weighted by
/// its effect on the loss. The error of the prediction is of second order in z* - z. So adding it
/// corrects the loss, and comparing it with the loss tells whether a longer solve would matter.
///
/// - Parameters:
///   - map: the map f.
///   - z: the point, [batch, ...].
///   - adjoint: the adjoint u = (I - J^T)^-1 dL/dz at z.
/// - Returns: u^T (f(z) - z), one number per sample.
/// - Throws: what `map` throws.
/// - Complexity: one evaluation of `map`.
public func goalCorrection(
  of map: (Tensor) throws -> Tensor, at z: Tensor, adjoint: Tensor
) throws -> [Double] {
  try withoutRecording { (try map(z) - z).innerProductsOfSamples(with: adjoint) }
}
