import COpenBLAS

/// Solutions of least norm of least-squares problems, one system per sample, by LAPACK's singular
/// value decomposition.
public struct LeastSquaresSolution: Sendable {
  /// The iteration for the singular values of a sample's matrix did not converge.
  public struct NotConverged: Error, CustomStringConvertible {
    /// The sample's position in the batch.
    public let sample: Int

    /// What happened and what to try.
    public var description: String {
      "the singular values of the matrix of sample \(sample) could not be computed; look for NaN "
        + "or infinity in it"
    }
  }

  /// x, [batch, n].
  public let value: Tensor
  /// The number of singular values, per sample, that count as non-zero.
  public let ranks: [Int]

  /// The x of least norm among those that minimise |A x - b|.
  ///
  /// The solution has no derivative: a recorded matrix or right-hand side stops the process.
  ///
  /// - Parameters:
  ///   - matrices: A, [batch, n, n].
  ///   - right: b, [batch, n].
  ///   - transposed: whether A is transposed first; default false.
  ///   - cutoffs: for each sample, the fraction of the largest singular value below which a
  ///     singular value counts as zero; default n times the unit roundoff.
  /// - Throws: `NotConverged` when the iteration for the singular values fails.
  /// - Complexity: about 12 n^3 operations per sample (gelsd).
  public init(
    of matrices: Tensor, right: Tensor, transposed: Bool = false, cutoffs: [Double]? = nil
  ) throws {
    expect(
      matrices.rank == 3 && matrices.shape[1] == matrices.shape[2]
        && right.shape == [matrices.shape[0], matrices.shape[1]] && right.dtype == matrices.dtype,
      "a least-squares solution needs [batch, n, n] and [batch, n] of one dtype, not "
        + "\(matrices.dtype) \(matrices.shape) and \(right.dtype) \(right.shape)")
    for operand in [matrices, right] {
      expectConstant(
        operand, in: "LeastSquaresSolution",
        instead: "LUFactorization solves regular systems with it")
    }
    let (batch, n) = (matrices.shape[0], matrices.shape[1])
    expect(
      cutoffs == nil || cutoffs?.count == batch,
      "\(cutoffs?.count ?? 0) cutoffs were given for \(batch) samples")
    let least = Double(max(n, 1)) * matrices.dtype.machineEpsilon
    // LAPACK overwrites the matrix and stores by columns, so it sees our rows as columns.
    let byColumns = transposed ? matrices : matrices.transposed()
    let work = Storage(dtype: matrices.dtype, count: matrices.count)
    work.copy(from: byColumns.storage, offset: 0, to: 0, count: matrices.count)
    var ranks = [Int](repeating: 0, count: batch)
    var failure: Int?
    value = Tensor(shape: right.shape, dtype: right.dtype) { out in
      out.copy(from: right.storage, offset: 0, to: 0, count: right.count)
      let singular = Storage(dtype: matrices.dtype, count: n)
      for sample in 0..<batch where n > 0 {
        var rank: Int32 = 0
        let condition = cutoffs?[sample] ?? least
        let info =
          switch matrices.dtype {
          case .float32:
            LAPACKE_sgelsd(
              LAPACK_COL_MAJOR, Int32(n), Int32(n), 1, work.f32 + sample * n * n, Int32(n),
              out.f32 + sample * n, Int32(n), singular.f32, Float(condition), &rank)
          case .float64:
            LAPACKE_dgelsd(
              LAPACK_COL_MAJOR, Int32(n), Int32(n), 1, work.f64 + sample * n * n, Int32(n),
              out.f64 + sample * n, Int32(n), singular.f64, condition, &rank)
          }
        ranks[sample] = Int(rank)
        if info != 0 && failure == nil { failure = sample }
      }
    }
    self.ranks = ranks
    if let failure { throw NotConverged(sample: failure) }
  }
}
