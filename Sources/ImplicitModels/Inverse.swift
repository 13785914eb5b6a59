import Tensors

extension Tensor {
  /// The inverse Y of a square matrix M, recorded.
  ///
  /// For a cotangent v of Y, dM = -Y^T v Y^T.
  ///
  /// - Throws: `LUFactorization.SingularMatrix` when M has no inverse.
  func inverse() throws -> Tensor { try inversion(self) }
}

private let inversion = CustomOperator("inverse") { inputs in
  let size = inputs[0].shape[0]
  let factors = try LUFactorization(of: inputs[0].reshaped([1, size, size]))
  let unit = Tensor.identity(size, dtype: inputs[0].dtype)
  // Each solution is a column of the inverse.
  return Tensor.concatenated((0..<size).map { factors.solve(unit.slice($0..<$0 + 1)) })
    .transposed()
} pullback: { v, _, inverse in
  [-inverse.matmul(v, transposingSelf: true).matmul(inverse, transposingOther: true)]
}
