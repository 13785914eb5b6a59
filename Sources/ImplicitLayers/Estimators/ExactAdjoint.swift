import Tensors

/// The exact adjoint u = (I - J^T)^-1 v from the dense Jacobian, through LAPACK.
///
/// For a state of n numbers per sample: n pullbacks serve the whole batch (samples do not mix, so
/// one pullback yields a row of every sample's J), then one LU factorisation and solve per sample,
/// n^2 numbers of memory each. Meant for small states and as the reference for other estimators;
/// it needs no contraction, only that 1 is no eigenvalue of J. The reported residual comes from
/// the dense matrix and costs nothing more.
public struct ExactAdjoint: ReportingAdjointEstimator {
  /// What is done about samples whose I - J is singular.
  public let onFailure: FailurePolicy

  /// The estimator.
  ///
  /// - Parameter onFailure: default throwing.
  public init(onFailure: FailurePolicy = .throwing) { self.onFailure = onFailure }

  /// Solves (I - J)^T u = v for every sample.
  ///
  /// - Returns: the solution. A sample with a singular system has the outcome `stalled` and the
  ///   estimate v; one whose Jacobian is not finite, `nonFinite`.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let v = problem.cotangent
    let batch = v.shape[0]
    guard v.count > 0 else { return AdjointEstimate(value: v) }
    let n = v.count / batch
    let system = try Tensor.identity(n, dtype: v.dtype) - problem.jacobian()
    let right = v.reshaped([batch, n])
    var isSingular = [Bool](repeating: false, count: batch)
    let isFinite = zip(system.normsOfSamples, v.normsOfSamples).map { ($0 + $1).isFinite }
    var solvable = system.replacingSamples(isFinite.map(!), with: identities(like: system))
    var factors: LUFactorization?
    while factors == nil {
      do {
        factors = try LUFactorization(of: solvable)
      } catch let error as LUFactorization.SingularMatrix {
        isSingular[error.sample] = true
        solvable = solvable.replacingSamples(isSingular, with: identities(like: system))
      }
    }
    guard let u = factors?.solve(right, transposed: true) else { return AdjointEstimate(value: v) }
    let product = system.matmul(u.reshaped([batch, n, 1]), transposingSelf: true)
    let residuals = (right - product.reshaped([batch, n])).normsOfSamples
    let rightNorms = right.normsOfSamples
    let samples = (0..<batch).map { sample in
      LinearSolveReport.Sample(
        outcome: isSingular[sample] ? .stalled : isFinite[sample] ? .converged : .nonFinite,
        relativeResidual: rightNorms[sample] == 0 ? 0 : residuals[sample] / rightNorms[sample],
        applications: n)
    }
    return AdjointEstimate(
      value: u.reshaped(v.shape), report: LinearSolveReport(samples: samples, applications: n))
  }

  private func identities(like matrices: Tensor) -> Tensor {
    Tensor.identity(matrices.shape[1], dtype: matrices.dtype).broadcast(to: matrices.shape)
  }
}

extension AdjointProblem {
  /// J of every sample, [batch, n, n]; n pullbacks.
  func jacobian() throws -> Tensor {
    try ImplicitLayers.jacobian(
      shape: cotangent.shape, dtype: cotangent.dtype, pullback: pullback)
  }
}

extension BackwardEstimator where Self == ExactAdjoint {
  /// The exact adjoint through LAPACK.
  public static var exact: ExactAdjoint { ExactAdjoint() }
}
