import Tensors
import TestSupport
import Testing

@Suite struct DecompositionTests {
  @Test("singular values of U diag(s) V^T", arguments: [DType.float32, .float64])
  func singularValues(_ dtype: DType) throws {
    var generator = Philox(seed: 2)
    let tolerance = dtype == .float32 ? 1e-5 : 1e-13
    for (rows, columns) in [(7, 4), (4, 7), (5, 5), (1, 3)] {
      let k = min(rows, columns)
      let values = (0..<k).map { Double(3 * k - 2 * $0) / 2 }
      // Eigenvectors of symmetric matrices are orthonormal.
      let u = try orthonormal(rows, &generator, dtype).slice(0..<k)
      let v = try orthonormal(columns, &generator, dtype).slice(0..<k)
      let s = Tensor(values, shape: [k, 1], dtype: dtype)
      let matrix = u.matmul(s * v, transposingSelf: true)
      #expect(matrix.shape == [rows, columns])
      let found = try matrix.singularValues()
      #expect(difference(found.scalars, values, absolute: tolerance) == nil)
    }
    #expect(try Tensor.zeros([0, 3], dtype: dtype).singularValues().shape == [0])
  }

  private func orthonormal(
    _ n: Int, _ generator: inout Philox, _ dtype: DType
  ) throws -> Tensor {
    let a = Tensor.normal([n, n], dtype: dtype, using: &generator)
    return try (a + a.transposed()).symmetricEigen().vectors
  }

  @Test("A = V^T diag(w) V with orthonormal V", arguments: [DType.float32, .float64])
  func symmetricEigen(_ dtype: DType) throws {
    var generator = Philox(seed: 4)
    let tolerance = dtype == .float32 ? 1e-5 : 1e-13
    let a = Tensor.normal([6, 6], dtype: dtype, using: &generator)
    let matrix = a + a.transposed()
    let (values, vectors) = try matrix.symmetricEigen()
    #expect(values.scalars == values.scalars.sorted())
    let rebuilt = vectors.matmul(values.reshaped([6, 1]) * vectors, transposingSelf: true)
    #expect(difference(rebuilt, matrix, relative: tolerance) == nil)
    #expect(
      difference(
        vectors.matmul(vectors, transposingOther: true), .identity(6, dtype: dtype),
        absolute: tolerance) == nil)
    // [[2, 1], [1, 2]] has the values 1 and 3; the upper triangle is not read.
    let small = Tensor([2, 99, 1, 2], shape: [2, 2], dtype: dtype)
    #expect(
      difference(try small.symmetricEigen().values.scalars, [1, 3], absolute: tolerance) == nil)
  }

  @Test("R^T R = A^T A, upper triangular", arguments: [DType.float32, .float64])
  func triangularFactor(_ dtype: DType) throws {
    var generator = Philox(seed: 5)
    for (rows, columns) in [(9, 4), (4, 4), (3, 1)] {
      let a = Tensor.normal([rows, columns], dtype: dtype, using: &generator)
      let r = try a.triangularFactor()
      #expect(r.shape == [columns, columns])
      #expect(
        difference(
          r.matmul(r, transposingSelf: true), a.matmul(a, transposingSelf: true),
          relative: dtype == .float32 ? 1e-5 : 1e-13) == nil)
      for row in 0..<columns {
        for column in 0..<row { #expect(r.scalars[row * columns + column] == 0) }
      }
    }
  }

  @Test func whatIsNotFiniteIsAnError() throws {
    let bad = Tensor([1, .nan, 2, 3], shape: [2, 2], dtype: .float64)
    for attempt in [
      { _ = try bad.singularValues() }, { _ = try bad.transposed().symmetricEigen() },
      { _ = try bad.triangularFactor() },
    ] {
      let error = #expect(throws: DecompositionFailure.self, performing: attempt)
      #expect(error?.description.contains("[2, 2]") == true)
      #expect(error?.description.contains("NaN") == true)
    }
  }
}
