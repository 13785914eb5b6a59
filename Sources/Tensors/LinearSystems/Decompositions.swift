import COpenBLAS

// Decompositions of one matrix by LAPACK. They have no derivatives: a recorded matrix stops the
// process. LAPACK stores matrices by columns, so it sees our row-major matrix as its transpose;
// each function therefore asks for the decomposition of the transpose that gives the wanted one.

/// A decomposition that LAPACK could not finish.
public struct DecompositionFailure: Error, CustomStringConvertible {
  /// The name of LAPACK's routine.
  public let routine: String
  /// The shape of the matrix.
  public let shape: Shape
  /// LAPACK's report: below 0 for an unusable argument, above 0 for lost convergence.
  public let info: Int

  /// What happened and what to try.
  public var description: String {
    info < 0
      ? "\(routine) rejects the matrix of shape \(shape) (argument \(-info)): it probably holds "
        + "NaN or infinity; look for the operation that made them"
      : "\(routine) did not converge on the matrix of shape \(shape) (\(info)); scale it so that "
        + "its largest element is near 1"
  }
}

extension Tensor {
  /// The singular values of a matrix [m, n], largest first: shape [min(m, n)].
  ///
  /// - Throws: `DecompositionFailure` when elements are not finite.
  /// - Complexity: about 4/3 k^2 (3 max(m, n) - k) operations with k = min(m, n), for the reduction
  ///   to a bidiagonal matrix (gesdd).
  public func singularValues() throws -> Tensor {
    expect(rank == 2, "singularValues needs a matrix, not \(shape)")
    expectConstant(self, in: "singularValues")
    let (rows, columns) = (Int32(shape[0]), Int32(shape[1]))
    var info: Int32 = 0
    let result = Tensor(shape: [Swift.min(shape[0], shape[1])], dtype: dtype) { out in
      guard count > 0 else { return }
      let work = Storage(dtype: dtype, count: count)
      work.copy(from: storage, offset: 0, to: 0, count: count)
      let none = CChar(UInt8(ascii: "N"))
      info =
        switch dtype {
        case .float32:
          LAPACKE_sgesdd(
            LAPACK_COL_MAJOR, none, columns, rows, work.f32, columns, out.f32, nil, columns, nil,
            rows)
        case .float64:
          LAPACKE_dgesdd(
            LAPACK_COL_MAJOR, none, columns, rows, work.f64, columns, out.f64, nil, columns, nil,
            rows)
        }
    }
    if info != 0 { throw DecompositionFailure(routine: "gesdd", shape: shape, info: Int(info)) }
    return result
  }

  /// The eigenvalues and eigenvectors of a symmetric matrix [n, n].
  ///
  /// - Returns: the values, smallest first, [n]; and the vectors as rows, [n, n]:
  ///   A = vectors^T diag(values) vectors. Only the lower triangle of the matrix is read.
  /// - Throws: `DecompositionFailure` when elements are not finite.
  /// - Complexity: about 4 n^3 operations (syevd).
  public func symmetricEigen() throws -> (values: Tensor, vectors: Tensor) {
    expect(
      rank == 2 && shape[0] == shape[1], "symmetricEigen needs a square matrix, not \(shape)")
    expectConstant(self, in: "symmetricEigen")
    let n = Int32(shape[0])
    let values = Storage(dtype: dtype, count: shape[0])
    var info: Int32 = 0
    let vectors = Tensor(shape: shape, dtype: dtype) { out in
      guard n > 0 else { return }
      out.copy(from: storage, offset: 0, to: 0, count: count)
      // LAPACK sees our lower triangle as the upper one of the transpose.
      let (both, upper) = (CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "U")))
      info =
        switch dtype {
        case .float32: LAPACKE_ssyevd(LAPACK_COL_MAJOR, both, upper, n, out.f32, n, values.f32)
        case .float64: LAPACKE_dsyevd(LAPACK_COL_MAJOR, both, upper, n, out.f64, n, values.f64)
        }
    }
    if info != 0 { throw DecompositionFailure(routine: "syevd", shape: shape, info: Int(info)) }
    return (Tensor(values, [shape[0]]), vectors)
  }

  /// The upper triangular R [n, n] with R^T R = A^T A, of a matrix A [m, n] with m >= n.
  ///
  /// R is the triangular factor of A = Q R. It is found without forming A^T A, so that small
  /// singular values keep their digits.
  ///
  /// - Throws: `DecompositionFailure` when elements are not finite.
  /// - Complexity: 2 n^2 (m - n / 3) operations (gelqf of the transpose).
  public func triangularFactor() throws -> Tensor {
    expect(
      rank == 2 && shape[0] >= shape[1],
      "triangularFactor needs a matrix with at least as many rows as columns, not \(shape)")
    expectConstant(self, in: "triangularFactor")
    let (m, n) = (shape[0], shape[1])
    guard n > 0 else { return .zeros([0, 0], dtype: dtype) }
    let work = Storage(dtype: dtype, count: count)
    work.copy(from: storage, offset: 0, to: 0, count: count)
    let scales = Storage(dtype: dtype, count: n)
    // gelqf gives A^T = L Q, so R = L^T; in our order, R is in the first n rows, from the diagonal
    // on.
    let info =
      switch dtype {
      case .float32:
        LAPACKE_sgelqf(LAPACK_COL_MAJOR, Int32(n), Int32(m), work.f32, Int32(n), scales.f32)
      case .float64:
        LAPACKE_dgelqf(LAPACK_COL_MAJOR, Int32(n), Int32(m), work.f64, Int32(n), scales.f64)
      }
    if info != 0 { throw DecompositionFailure(routine: "gelqf", shape: shape, info: Int(info)) }
    let result = Tensor.zeros([n, n], dtype: dtype)
    for row in 0..<n {
      let diagonal = row * n + row
      result.storage.copy(from: work, offset: diagonal, to: diagonal, count: n - row)
    }
    return result
  }
}
