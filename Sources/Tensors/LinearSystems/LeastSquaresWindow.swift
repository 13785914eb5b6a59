import CKernels

/// Vectors w_i of every sample, in which other vectors are approximated in the least-squares sense.
///
/// gamma = argmin |r - sum_i gamma_i w_i|^2 + ridge * sum_i |w_i|^2 gamma_i^2
///
/// The ridge is relative to the length of each vector, so that neither the scale of the problem nor
/// that of single vectors matters. The normal equations are formed in double precision for both
/// dtypes. While nothing is recorded they are kept from call to call: each row that has been set
/// since costs 2 x count inner products. A vector that is a combination of newer ones shares the
/// coefficient with them; where the ridge is below rounding it is left out.
public struct LeastSquaresWindow: Sendable {
  /// The largest capacity.
  public static let maximumCapacity = 64

  private var window: VectorWindow
  /// The inner products <w_i, w_j>, capacity x capacity of them for each sample; empty until they
  /// are first needed.
  private var gram: [Double] = []
  private var newest = 0
  /// The rows, one bit for each, whose inner products are not those of `gram`.
  private var stale: UInt64 = 0
  private var batch = 0

  /// A window without rows.
  ///
  /// Stops when `capacity` is not in 1...64.
  public init(capacity: Int) {
    expect(
      capacity <= LeastSquaresWindow.maximumCapacity,
      "a least-squares window holds at most \(LeastSquaresWindow.maximumCapacity) vectors, not "
        + "\(capacity)")
    window = VectorWindow(capacity: capacity)
  }

  /// The number of rows.
  public var count: Int { window.count }

  /// Sets a row of every sample to a - b; see `VectorWindow.set`.
  public mutating func set(_ row: Int, to a: Tensor, minus b: Tensor) {
    batch = a.shape[0]
    window.set(row, to: a, minus: b)
    newest = row
    stale |= 1 << UInt64(row)
  }

  /// Sets the rows of the samples where `mask` is true to zero.
  public mutating func clear(_ mask: [Bool]) {
    window.clear(mask)
    guard !gram.isEmpty else { return }
    let size = window.capacity * window.capacity
    for sample in mask.indices where mask[sample] {
      for entry in sample * size..<(sample + 1) * size { gram[entry] = 0 }
    }
  }

  /// The coefficients gamma with which the rows approximate `right`.
  ///
  /// - Parameters:
  ///   - right: r, [batch, n].
  ///   - ridge: the ridge of the formula above, at least 0.
  /// - Returns: [batch, count], recorded if the rows or `right` are.
  /// - Throws: `LUFactorization.SingularMatrix` if the rows are recorded and linearly dependent,
  ///   and the ridge is 0.
  public mutating func coefficients(of right: Tensor, ridge: Double) throws -> Tensor {
    guard let buffer = window.unrecordedBuffer, !Tensor.records(right) else {
      return try recordedCoefficients(of: right, ridge: ridge)
    }
    let capacity = window.capacity
    if gram.isEmpty { gram = Array(repeating: 0, count: batch * capacity * capacity) }
    // A call brings the products of one row up to date; the coefficients of the last call are right.
    for row in 0..<count where row != newest && stale & (1 << UInt64(row)) != 0 {
      _ = coefficients(of: right, ridge: ridge, buffer, refreshing: row)
    }
    stale = 0
    return coefficients(of: right, ridge: ridge, buffer, refreshing: newest)
  }

  /// The coefficients, after the inner products with one row have been computed anew.
  private mutating func coefficients(
    of right: Tensor, ridge: Double, _ buffer: Storage, refreshing row: Int
  ) -> Tensor {
    if let sharding = StateSharding.current {
      return shardedCoefficients(of: right, ridge: ridge, buffer, refreshing: row, sharding)
    }
    let (capacity, count, batch) = (window.capacity, self.count, self.batch)
    return gram.withUnsafeMutableBufferPointer { gram in
      let gram = gram.baseAddress
      return Tensor(shape: [batch, count], dtype: right.dtype) { out in
        let length = batch == 0 ? 0 : right.count / batch
        switch right.dtype {
        case .float32:
          ck_window_regress_f32(
            buffer.f32, capacity, count, row, right.storage.f32, ridge, gram, out.f32, batch, length
          )
        case .float64:
          ck_window_regress_f64(
            buffer.f64, capacity, count, row, right.storage.f64, ridge, gram, out.f64, batch, length
          )
        }
      }
    }
  }

  /// The same coefficients where each process has a part of every vector: one sum over the processes.
  private mutating func shardedCoefficients(
    of right: Tensor, ridge: Double, _ buffer: Storage, refreshing row: Int,
    _ sharding: StateSharding
  ) -> Tensor {
    let (capacity, count, batch) = (window.capacity, self.count, self.batch)
    let (length, size) = (batch == 0 ? 0 : right.count / batch, batch * count)
    var products = [Double](repeating: 0, count: 2 * size)
    products.withUnsafeMutableBufferPointer { products in
      guard let start = products.baseAddress else { return }
      switch right.dtype {
      case .float32:
        ck_window_gram_f32(
          buffer.f32, capacity, count, row, right.storage.f32, start, start + size, batch, length)
      case .float64:
        ck_window_gram_f64(
          buffer.f64, capacity, count, row, right.storage.f64, start, start + size, batch, length)
      }
    }
    let sums = sharding.sums(products)
    return sums.withUnsafeBufferPointer { sums in
      gram.withUnsafeMutableBufferPointer { gram in
        let gram = gram.baseAddress
        return Tensor(shape: [batch, count], dtype: right.dtype) { out in
          guard let start = sums.baseAddress else { return }
          switch right.dtype {
          case .float32:
            ck_window_solve_f32(
              start, start + size, capacity, count, row, ridge, gram, out.f32, batch)
          case .float64:
            ck_window_solve_f64(
              start, start + size, capacity, count, row, ridge, gram, out.f64, batch)
          }
        }
      }
    }
  }

  /// The same coefficients by tensor operators.
  ///
  /// With D^2 = diag(W W^T), (D^-1 W W^T D^-1 + ridge I) (D gamma) = D^-1 W r. D is a constant,
  /// because it cancels; rows that are zero get gamma = 0.
  private func recordedCoefficients(of right: Tensor, ridge: Double) throws -> Tensor {
    StateSharding.expectConstants()
    let rows = window.stacked.converted(to: .float64)
    let (batch, count) = (rows.shape[0], rows.shape[1])
    let target = right.converted(to: .float64).reshaped([batch, rows.shape[2], 1])
    let squares = withoutRecording { rows.detached().square().sum(alongAxis: 2).scalars }
    let scale = Tensor(
      squares.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }, shape: [batch, count, 1], dtype: .float64)
    let filling = Tensor(
      squares.map { $0 > 0 ? 0 : 1 }, shape: [batch, count, 1], dtype: .float64)
    let unit = rows * scale
    let products = unit.matmul(unit, transposingOther: true)
    let identity = Tensor.identity(count, dtype: .float64)
    // The ridge is this fraction of the diagonal, which depends on the rows.
    let diagonal = unit.square().sum(alongAxis: 2, keepingAxis: true) * ridge + filling
    let system = products + identity * diagonal
    let solution = try system.solving(unit.matmul(target).reshaped([batch, count]))
    return (solution * scale.reshaped([batch, count])).converted(to: right.dtype)
  }
}

extension LeastSquaresWindow: PerSample {
  /// Shows the rows and their inner products to the visitor.
  public mutating func visit(_ visitor: inout some SampleVisitor) {
    window.visit(&visitor)
    visitor.visit(&gram, width: window.capacity * window.capacity)
    batch = window.sampleCount
  }
}
