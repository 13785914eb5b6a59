extension Tensor {
  /// The solution x of A x = b for one square matrix A = `self` and one b per sample, recorded.
  ///
  /// It does the same as `LUFactorization`, for matrices that are needed once.
  ///
  /// - Parameter right: b, [batch, n], for `self` of shape [batch, n, n].
  /// - Returns: [batch, n].
  /// - Throws: `LUFactorization.SingularMatrix` where a matrix is singular.
  /// - Complexity: 2/3 n^3 operations per sample.
  public func solving(_ right: Tensor) throws -> Tensor {
    try LUFactorization(of: self).solve(right)
  }
}
