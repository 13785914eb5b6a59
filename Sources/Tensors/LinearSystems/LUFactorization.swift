import CKernels
import COpenBLAS

/// LU factors with partial pivoting of one square matrix per sample, through LAPACK.
///
/// ```swift
/// let factors = try LUFactorization(of: matrices)   // [batch, n, n]
/// let x = factors.solve(b)                          // A x = b, b of shape [batch, n]
/// let y = factors.solve(b, transposed: true)        // A^T y = b
/// ```
/// Solutions are recorded with respect to b and to the matrices. Derivatives exist to any order,
/// and each of them is another solution with the same factors.
public struct LUFactorization: Sendable {
  /// The matrix of a sample is singular to working precision.
  public struct SingularMatrix: Error, CustomStringConvertible {
    /// The sample's position in the batch.
    public let sample: Int
    /// The first zero pivot.
    public let pivot: Int
    /// The number of rows.
    public let size: Int

    /// What happened and what to try.
    public var description: String {
      "the \(size) x \(size) matrix of sample \(sample) is singular (pivot \(pivot) is zero), so "
        + "the system has no unique solution; if it is I - J of a fixed point, the fixed point is "
        + "not isolated: use a least-squares or series estimator, or change the map"
    }
  }

  private let factors: Storage
  /// The matrices, where they are recorded.
  private let source: Tensor?
  private let pivots: [Int32]
  /// The largest row sum of moduli, |A|_inf, of each sample.
  private let norms: [Double]
  /// Whether a sample's matrix is finite and no pivot zero, so that it has factors.
  private let isRegular: [Bool]
  private let batch: Int
  private let size: Int
  private let dtype: DType

  /// Factors matrices of shape [batch, n, n].
  ///
  /// A sample whose matrix is not finite has no factors; its solutions are NaN.
  ///
  /// - Throws: `SingularMatrix` when a pivot is exactly zero.
  /// - Complexity: 2/3 n^3 operations per sample (getrf).
  public init(of matrices: Tensor) throws {
    let (factors, singular) = LUFactorization.tolerant(of: matrices)
    if let (sample, pivot) = singular {
      throw SingularMatrix(sample: sample, pivot: pivot, size: matrices.shape[1])
    }
    self = factors
  }

  /// Factors the matrices that have factors.
  ///
  /// The solutions of a singular sample are NaN, as those of a sample that is not finite, and its
  /// reciprocal condition is 0.
  public init(ofPossiblySingular matrices: Tensor) {
    self = LUFactorization.tolerant(of: matrices).factors
  }

  private static func tolerant(
    of matrices: Tensor
  ) -> (factors: LUFactorization, singular: (sample: Int, pivot: Int)?) {
    expect(
      matrices.rank == 3 && matrices.shape[1] == matrices.shape[2],
      "LUFactorization needs square matrices [batch, n, n], not \(matrices.shape)")
    let (batch, n) = (matrices.shape[0], matrices.shape[1])
    let factors = Storage(dtype: matrices.dtype, count: matrices.count)
    factors.copy(from: matrices.storage, offset: 0, to: 0, count: matrices.count)
    var pivots = [Int32](repeating: 0, count: batch * n)
    // LAPACK stores by columns, so it sees our rows as columns: it factors the transpose, and its
    // transposed solve is a solve with our matrix. No element has to be moved.
    let sizes = matrices.normsOfSamples
    var isRegular = sizes.map(\.isFinite)
    let norms = (0..<batch).map { sample in
      !isRegular[sample]
        ? Double.nan : n == 1 ? sizes[sample] : LUFactorization.norm(factors, sample, n)
    }
    var zeroPivots = [Int](repeating: 0, count: batch)
    let isFinite = isRegular
    pivots.withUnsafeMutableBufferPointer { pivots in
      zeroPivots.withUnsafeMutableBufferPointer { zeroPivots in
        // Each sample writes only its own part of both arrays.
        nonisolated(unsafe) let (pivots, zeroPivots) = (pivots, zeroPivots)
        Workers.shareWork(batch, operations: n * n * n / 3) { sample in
          guard n > 0, isFinite[sample] else { return }
          // A single number is its own factor.
          if n == 1 { return zeroPivots[sample] = sizes[sample] == 0 ? 1 : 0 }
          zeroPivots[sample] = LUFactorization.factor(
            factors, sample, n, pivots.baseAddress?.advanced(by: sample * n))
        }
      }
    }
    for sample in zeroPivots.indices where zeroPivots[sample] > 0 { isRegular[sample] = false }
    let singular = zeroPivots.firstIndex { $0 > 0 }.map { ($0, zeroPivots[$0]) }
    let result = LUFactorization(
      factors: factors, source: Tensor.records(matrices) ? matrices : nil, pivots: pivots,
      norms: norms, isRegular: isRegular, batch: batch, size: n, dtype: matrices.dtype)
    return (result, singular)
  }

  private init(
    factors: Storage, source: Tensor?, pivots: [Int32], norms: [Double], isRegular: [Bool],
    batch: Int, size: Int, dtype: DType
  ) {
    (self.factors, self.source, self.pivots, self.norms) = (factors, source, pivots, norms)
    (self.isRegular, self.batch, self.size, self.dtype) = (isRegular, batch, size, dtype)
  }

  /// An estimate of 1 / (|A| |A^-1|) in the maximum norm, sample by sample.
  ///
  /// - Returns: a number in [0, 1]: 0 where the matrix is singular, NaN where it is not finite. The
  ///   true value is seldom below a third of the estimate, and never above it.
  /// - Complexity: some 4 to 10 n^2 operations per sample (gecon).
  public var reciprocalConditions: [Double] {
    var result = (0..<batch).map { sample in
      size == 0 ? 1 : isRegular[sample] || !norms[sample].isNaN ? 0 : Double.nan
    }
    result.withUnsafeMutableBufferPointer { result in
      // Each sample writes only its own entry.
      nonisolated(unsafe) let result = result
      Workers.shareWork(batch, operations: 10 * size * size) { sample in
        if size > 0, isRegular[sample] { result[sample] = reciprocalCondition(sample) }
      }
    }
    return result
  }

  private func reciprocalCondition(_ sample: Int) -> Double {
    // The condition number of a single number a is |a| |1 / a| = 1.
    if size == 1 { return 1 }
    let (n, norm) = (Int32(size), norms[sample])
    var integers = [Int32](repeating: 0, count: size)
    switch dtype {
    case .float32:
      var (result, work) = (Float(0), [Float](repeating: 0, count: 4 * size))
      LAPACKE_sgecon_work(
        LAPACK_COL_MAJOR, LUFactorization.one, n, factors.f32 + sample * size * size, n,
        Float(norm), &result, &work, &integers)
      return Double(result)
    case .float64:
      var (result, work) = (0.0, [Double](repeating: 0, count: 4 * size))
      LAPACKE_dgecon_work(
        LAPACK_COL_MAJOR, LUFactorization.one, n, factors.f64 + sample * size * size, n, norm,
        &result, &work, &integers)
      return result
    }
  }

  /// The 1-norm, LAPACK's name for the largest column sum.
  private static let one = CChar(UInt8(ascii: "1"))

  /// The largest row sum of moduli.
  ///
  /// LAPACK sees the transpose of our matrix, and the 1-norm of the transpose is this number.
  private static func norm(_ matrices: Storage, _ sample: Int, _ n: Int) -> Double {
    let (size, start) = (Int32(n), sample * n * n)
    return switch matrices.dtype {
    case .float32:
      Double(
        LAPACKE_slange_work(
          LAPACK_COL_MAJOR, one, size, size, matrices.f32 + start, max(size, 1), nil))
    case .float64:
      LAPACKE_dlange_work(
        LAPACK_COL_MAJOR, one, size, size, matrices.f64 + start, max(size, 1), nil)
    }
  }

  /// Factors one sample's matrix in place.
  ///
  /// Returns the first zero pivot, counted from 1, or 0 if there is none.
  private static func factor(
    _ factors: Storage, _ sample: Int, _ n: Int, _ pivots: UnsafeMutablePointer<Int32>?
  ) -> Int {
    let size = Int32(n)
    return switch factors.dtype {
    case .float32:
      Int(
        LAPACKE_sgetrf_work(
          LAPACK_COL_MAJOR, size, size, factors.f32 + sample * n * n, size, pivots))
    case .float64:
      Int(
        LAPACKE_dgetrf_work(
          LAPACK_COL_MAJOR, size, size, factors.f64 + sample * n * n, size, pivots))
    }
  }

  /// The solutions of A x = b, or of A^T x = b, one right-hand side per sample.
  ///
  /// For a cotangent v of x, db = A^-T v and dA = -db x^T. Where A^T x = b is solved, db = A^-1 v
  /// and dA = -x db^T.
  ///
  /// - Parameters:
  ///   - right: [batch, n].
  ///   - transposed: whether the matrices are transposed; default false.
  /// - Returns: x, [batch, n], recorded if b or the matrices are.
  /// - Complexity: 2 n^2 operations per sample (getrs).
  public func solve(_ right: Tensor, transposed: Bool = false) -> Tensor {
    let x = solution(right, transposed: transposed)
    let inputs = [right] + (source.map { [$0] } ?? [])
    return x.recorded(
      from: inputs, keepingOutput: true,
      { v, x, needs in
        let adjoint = solve(v, transposed: !transposed)
        guard needs[1] else { return [adjoint, nil] }
        let (rows, columns) = transposed ? (x, adjoint) : (adjoint, x)
        return [
          adjoint, -(rows.reshaped([batch, size, 1]) * columns.reshaped([batch, 1, size])),
        ]
      })
  }

  private func solution(_ right: Tensor, transposed: Bool) -> Tensor {
    expect(
      right.shape == [batch, size] && right.dtype == dtype,
      "the factors are \(dtype) [\(batch), \(size), \(size)]; a right-hand side of "
        + "\(right.dtype) \(right.shape) does not fit [\(batch), \(size)]")
    if size == 1 { return quotients(right) }
    let mode = transposed ? CChar(UInt8(ascii: "N")) : CChar(UInt8(ascii: "T"))
    return Tensor(shape: right.shape, dtype: dtype) { out in
      out.copy(from: right.storage, offset: 0, to: 0, count: right.count)
      for sample in 0..<batch where size > 0 {
        guard isRegular[sample] else {
          switch dtype {
          case .float32: ck_fill_f32(.nan, out.f32 + sample * size, size)
          case .float64: ck_fill_f64(.nan, out.f64 + sample * size, size)
          }
          continue
        }
        pivots.withUnsafeBufferPointer { buffer in
          guard let pivot = buffer.baseAddress?.advanced(by: sample * size) else { return }
          switch dtype {
          case .float32:
            _ = LAPACKE_sgetrs_work(
              LAPACK_COL_MAJOR, mode, Int32(size), 1, factors.f32 + sample * size * size,
              Int32(size), pivot, out.f32 + sample * size, Int32(size))
          case .float64:
            _ = LAPACKE_dgetrs_work(
              LAPACK_COL_MAJOR, mode, Int32(size), 1, factors.f64 + sample * size * size,
              Int32(size), pivot, out.f64 + sample * size, Int32(size))
          }
        }
      }
    }
  }

  /// The solutions for matrices of one number, b / a.
  private func quotients(_ right: Tensor) -> Tensor {
    Tensor(shape: right.shape, dtype: dtype) { out in
      for sample in 0..<batch {
        switch dtype {
        case .float32:
          out.f32[sample] =
            isRegular[sample] ? right.storage.f32[sample] / factors.f32[sample] : .nan
        case .float64:
          out.f64[sample] =
            isRegular[sample] ? right.storage.f64[sample] / factors.f64[sample] : .nan
        }
      }
    }
  }
}
