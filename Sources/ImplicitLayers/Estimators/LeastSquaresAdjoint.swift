import Tensors

/// The w of least norm that minimises |v - (I - J^T) w|, from the dense Jacobian.
///
/// For fixed points that are not isolated: where J has an eigenvalue 1 (a line of fixed points, a
/// conserved quantity), I - J is singular and other estimators stall. Where it is not, this is
/// the exact adjoint at a higher price. The residual that is reported is the part of v that no w
/// explains, and no failure.
///
/// Costs n pullbacks for n numbers per sample and about 12 n^3 operations and n^2 numbers each.
public struct LeastSquaresAdjoint: ReportingAdjointEstimator {
  /// Singular values of I - J below this fraction of the largest count as zero; nil for n times
  /// the unit roundoff.
  public let cutoff: Double?
  /// What is done about samples whose Jacobian is not finite.
  public let onFailure: FailurePolicy

  /// The estimator.
  ///
  /// Stops when the cutoff is not in (0, 1).
  ///
  /// - Parameters:
  ///   - cutoff: default nil, n times the unit roundoff. At a fixed point that was found to a
  ///     tolerance, J is off by about as much: a cutoff well above the tolerance keeps a singular
  ///     direction from being inverted.
  ///   - onFailure: default throwing.
  public init(cutoff: Double? = nil, onFailure: FailurePolicy = .throwing) {
    if let cutoff {
      expect(cutoff > 0 && cutoff < 1, "a cutoff of singular values lies in (0, 1), not \(cutoff)")
    }
    self.cutoff = cutoff
    self.onFailure = onFailure
  }

  /// The solution of every sample.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let v = problem.cotangent
    let batch = v.shape[0]
    guard v.count > 0 else { return AdjointEstimate(value: v) }
    let n = v.count / batch
    let jacobian = try problem.jacobian()
    let isFinite = zip(jacobian.normsOfSamples, v.normsOfSamples).map { ($0 + $1).isFinite }
    let system = Tensor.identity(n, dtype: v.dtype) - jacobian.keepingSamples(isFinite)
    let right = v.keepingSamples(isFinite).reshaped([batch, n])
    let solution = try LeastSquaresSolution(
      of: system, right: right, transposed: true, cutoff: cutoff)
    let product = system.matmul(solution.value.reshaped([batch, n, 1]), transposingSelf: true)
    let residuals = (right - product.reshaped([batch, n])).normsOfSamples
    let norms = right.normsOfSamples
    let samples = (0..<batch).map { sample in
      LinearSolveReport.Sample(
        outcome: isFinite[sample] ? .converged : .nonFinite,
        relativeResidual: norms[sample] == 0 ? 0 : residuals[sample] / norms[sample],
        applications: n)
    }
    return AdjointEstimate(
      value: solution.value.reshaped(v.shape),
      report: LinearSolveReport(samples: samples, applications: n))
  }
}

extension BackwardEstimator where Self == LeastSquaresAdjoint {
  /// The least-squares adjoint with the default cutoff.
  public static var leastSquares: LeastSquaresAdjoint { LeastSquaresAdjoint() }

  /// The least-squares adjoint.
  public static func leastSquares(
    cutoff: Double, onFailure: FailurePolicy = .throwing
  ) -> LeastSquaresAdjoint {
    LeastSquaresAdjoint(cutoff: cutoff, onFailure: onFailure)
  }
}
