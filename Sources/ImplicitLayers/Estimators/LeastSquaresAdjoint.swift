import Tensors

/// The w of least norm that minimises |v - (I - J^T) w|, from the dense Jacobian.
///
/// For fixed points that are not isolated: where J has an eigenvalue 1 (a line of fixed points, a
/// conserved quantity), I - J is singular and other estimators stall. Where it is not, this is
/// the exact adjoint at a higher price. The residual that is reported is the part of v that no w
/// explains, and no failure.
///
/// Costs n pullbacks for n numbers per sample and about 12 n^3 operations and n^2 numbers each.
///
/// The gradient has the derivatives of the equation, to any order (`EstimateDerivative.ofEquation`);
/// where I - J is singular, w does not solve that, and they are estimates by least squares too.
public struct LeastSquaresAdjoint: AdjointEstimator {
  /// Singular values of I - J below this fraction of the largest count as zero; nil for ten times
  /// the accuracy to which J is known, per sample.
  public let cutoff: Double?
  /// What is done about samples whose Jacobian is not finite, or whose gradient has no digit left
  /// although I - J is regular.
  public let onFailure: FailurePolicy

  /// The estimator.
  ///
  /// Stops when the cutoff is not in (0, 1).
  ///
  /// - Parameters:
  ///   - cutoff: default nil: ten times the relative residual of the forward solve, which is about
  ///     how far J is off, and at least n times what the dtype resolves. A smaller one inverts
  ///     directions that are singular but for that error.
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
    let system = try DenseSystem(problem)
    let least = Double(v.count / batch) * v.dtype.machineEpsilon
    let solution = try LeastSquaresSolution(
      of: system.matrices, right: system.right, transposed: true,
      cutoffs: problem.accuracies.map { cutoff ?? min(max(10 * $0, least), 0.5) })
    return system.estimate(
      solution.value, system.isFinite.map { $0 ? .converged : .nonFinite }, conditions: nil)
  }

  /// `.ofEquation`: the derivative is that of the equation, which is that of w where I - J is
  /// regular.
  public var derivative: EstimateDerivative { .ofEquation }
  /// The name in reports, "least squares".
  public var name: String { "least squares" + (cutoff.map { " above \($0)" } ?? "") }
  /// The family of estimators that assemble J.
  public var family: String { "dense" }
}

extension BackwardEstimator where Self == LeastSquaresAdjoint {
  /// The least-squares adjoint with the default cutoff.
  public static var leastSquares: LeastSquaresAdjoint { LeastSquaresAdjoint() }

  /// The least-squares adjoint.
  public static func leastSquares(
    cutoff: Double? = nil, onFailure: FailurePolicy = .throwing
  ) -> LeastSquaresAdjoint {
    LeastSquaresAdjoint(cutoff: cutoff, onFailure: onFailure)
  }
}
