import Tensors

/// The exact adjoint u = (I - J^T)^-1 v from the dense Jacobian, through LAPACK.
///
/// For a state of n numbers per sample: n pullbacks serve the whole batch (samples do not mix, so
/// one pullback yields a row of every sample's J), then one LU factorisation and solve per sample,
/// n^2 numbers of memory each. Meant for small states and as the reference for other estimators;
/// it needs no contraction, only that 1 is no eigenvalue of J.
public struct ExactAdjoint: AdjointEstimator {
  /// The estimator; it has no parameters.
  public init() {}

  /// Solves (I - J)^T u = v for every sample.
  ///
  /// - Throws: `LUFactorization.SingularMatrix` where I - J is singular.
  public func adjoint(
    of v: Tensor, through pullback: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    let batch = v.shape[0]
    guard batch > 0, v.count > 0 else { return v }
    let n = v.count / batch
    let jacobian = try jacobian(shape: v.shape, dtype: v.dtype, pullback: pullback)
    let system = Tensor.identity(n, dtype: v.dtype) - jacobian
    return try LUFactorization(of: system)
      .solve(v.reshaped([batch, n]), transposed: true).reshaped(v.shape)
  }
}

extension BackwardEstimator where Self == ExactAdjoint {
  /// The exact adjoint through LAPACK.
  public static var exact: ExactAdjoint { ExactAdjoint() }
}
