extension Tensor {
  /// The solution x of A x = b for one square matrix A = `self` and one b per sample, recorded.
  ///
  /// For a cotangent v of x: db = A^-T v and dA = -db x^T. Derivatives of any order: the rule
  /// solves with this function where it is itself recorded, and with the same factors otherwise.
  ///
  /// - Parameter right: b, [batch, n], for `self` of shape [batch, n, n].
  /// - Returns: [batch, n].
  /// - Throws: `LUFactorization.SingularMatrix` where a matrix is singular.
  /// - Complexity: 2/3 n^3 operations per sample.
  public func solving(_ right: Tensor) throws -> Tensor {
    let factors = try LUFactorization(of: self)
    return factors.solve(right).recorded(
      from: [self, right], keepingOutput: true,
      { v, x, needs in
        let adjoint =
          isRecording ? try transposed().solving(v) : factors.solve(v, transposed: true)
        let (rows, columns) = (adjoint.shape + [1], [x.shape[0], 1, x.shape[1]] as Shape)
        return [
          needs[0] ? -(adjoint.reshaped(rows) * x.reshaped(columns)) : nil,
          needs[1] ? adjoint : nil,
        ]
      })
  }
}
