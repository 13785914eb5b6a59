import CKernels
import COpenBLAS

/// LU factors with partial pivoting of one square matrix per sample, through LAPACK.
///
/// ```swift
/// let factors = try LUFactorization(of: matrices)   // [batch, n, n]
/// let x = factors.solve(b)                          // A x = b, b of shape [batch, n]
/// let y = factors.solve(b, transposed: true)        // A^T y = b
/// ```
/// Nothing here is recorded: a linear system enters a gradient through its own adjoint.
public struct LUFactorization: Sendable {
  /// The matrix of a sample is singular to working precision.
  public struct SingularMatrix: Error, CustomStringConvertible {
    /// The position in the batch.
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
  private let pivots: [Int32]
  /// Whether a sample's matrix is finite, and has factors.
  private let isFinite: [Bool]
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
    expect(
      matrices.rank == 3 && matrices.shape[1] == matrices.shape[2],
      "LUFactorization needs square matrices [batch, n, n], not \(matrices.shape)")
    let (batch, n) = (matrices.shape[0], matrices.shape[1])
    let factors = Storage(dtype: matrices.dtype, count: matrices.count)
    factors.copy(from: matrices.storage, offset: 0, to: 0, count: matrices.count)
    var pivots = [Int32](repeating: 0, count: batch * n)
    // LAPACK counts by columns: to it our rows are columns, so it factors the transpose, and
    // solving with our matrix is its transposed solve. No element moves.
    let isFinite = matrices.normsOfSamples.map(\.isFinite)
    var zeroPivots = [Int](repeating: 0, count: batch)
    pivots.withUnsafeMutableBufferPointer { pivots in
      zeroPivots.withUnsafeMutableBufferPointer { zeroPivots in
        // Each sample writes its own part of both.
        nonisolated(unsafe) let (pivots, zeroPivots) = (pivots, zeroPivots)
        Workers.shareWork(batch, operations: n * n * n / 3) { sample in
          guard n > 0, isFinite[sample] else { return }
          zeroPivots[sample] = LUFactorization.factor(
            factors, sample, n, pivots.baseAddress?.advanced(by: sample * n))
        }
      }
    }
    if let sample = zeroPivots.firstIndex(where: { $0 > 0 }) {
      throw SingularMatrix(sample: sample, pivot: zeroPivots[sample], size: n)
    }
    self.factors = factors
    self.pivots = pivots
    self.isFinite = isFinite
    self.batch = batch
    self.size = n
    dtype = matrices.dtype
  }

  /// Factors one sample's matrix in place; the first zero pivot, counted from 1, or 0.
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
  /// - Parameters:
  ///   - right: [batch, n].
  ///   - transposed: whether the matrices are transposed; default false.
  /// - Returns: x, [batch, n].
  /// - Complexity: 2 n^2 operations per sample (getrs).
  public func solve(_ right: Tensor, transposed: Bool = false) -> Tensor {
    expect(
      right.shape == [batch, size] && right.dtype == dtype,
      "the factors are \(dtype) [\(batch), \(size), \(size)]; a right-hand side of "
        + "\(right.dtype) \(right.shape) does not fit [\(batch), \(size)]")
    let mode = transposed ? CChar(UInt8(ascii: "N")) : CChar(UInt8(ascii: "T"))
    return Tensor(shape: right.shape, dtype: dtype) { out in
      out.copy(from: right.storage, offset: 0, to: 0, count: right.count)
      for sample in 0..<batch where size > 0 {
        guard isFinite[sample] else {
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
}
