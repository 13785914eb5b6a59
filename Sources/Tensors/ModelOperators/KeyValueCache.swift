import CKernels

/// Keys and values of the positions that a decoder has generated so far.
///
/// The memory for all positions is taken at once, so that adding a position copies only that
/// position. A cache is a value: a copy, as for each beam of a search, goes on by itself, and takes memory
/// of its own when a position is added to it or to the other one.
public struct KeyValueCache {
  private let capacity: Int
  private let batch: Int
  private let width: Int
  private var keys: Storage
  private var values: Storage
  /// The number of positions held.
  public private(set) var count = 0

  /// An empty cache for `capacity` positions of `batch` sequences.
  public init(batch: Int, capacity: Int, width: Int, dtype: DType) {
    self.capacity = capacity
    self.batch = batch
    self.width = width
    keys = Storage(dtype: dtype, count: batch * capacity * width)
    values = Storage(dtype: dtype, count: batch * capacity * width)
  }

  /// Adds a position.
  ///
  /// - Parameters:
  ///   - newKeys: [batch, 1, width].
  ///   - newValues: [batch, 1, width].
  ///
  /// Stops when the cache is full, or their shape or dtype is not that of the cache.
  public mutating func append(keys newKeys: Tensor, values newValues: Tensor) {
    expect(
      newKeys.shape == [batch, 1, width] && newValues.shape == newKeys.shape,
      "the cache takes keys and values [\(batch), 1, \(width)], not \(newKeys.shape) and "
        + "\(newValues.shape)")
    expect(
      newKeys.dtype == keys.dtype && newValues.dtype == keys.dtype,
      "the cache holds \(keys.dtype) numbers, not \(newKeys.dtype) and \(newValues.dtype)")
    expect(count < capacity, "the cache is full: it holds \(capacity) positions")
    if !isKnownUniquelyReferenced(&keys) { keys = keys.copy() }
    if !isKnownUniquelyReferenced(&values) { values = values.copy() }
    for sample in 0..<batch {
      let target = (sample * capacity + count) * width
      keys.copy(from: newKeys.storage, offset: sample * width, to: target, count: width)
      values.copy(from: newValues.storage, offset: sample * width, to: target, count: width)
    }
    count += 1
  }

  /// The attention softmax(q k^T / sqrt(width / heads)) v, over the positions held so far.
  ///
  /// - Parameters:
  ///   - queries: [batch, 1, width].
  ///   - heads: the number of heads, a divisor of the width.
  /// - Returns: [batch, 1, width]; not recorded.
  ///
  /// Stops when the cache is empty, or queries of this shape and dtype do not belong to it.
  public func attention(of queries: Tensor, heads: Int) -> Tensor {
    expect(
      queries.shape == [batch, 1, width] && queries.dtype == keys.dtype,
      "the cache takes \(keys.dtype) queries [\(batch), 1, \(width)], not \(queries.dtype) "
        + "\(queries.shape)")
    expect(
      heads > 0 && width % heads == 0, "\(heads) heads do not divide a width of \(width)")
    expect(count > 0, "the cache is empty: add a position first")
    let head = width / heads
    let scale = 1 / Double(head).squareRoot()
    let weights = Storage(dtype: queries.dtype, count: batch * heads * count)
    return Tensor(shape: queries.shape, dtype: queries.dtype) { out in
      for block in 0..<batch * heads {
        let (sample, column) = (block / heads, block % heads * head)
        gemm(
          queries.storage, sample * width + column, stride: width, transposed: false, keys,
          sample * capacity * width + column, stride: width, transposed: true, weights,
          block * count, stride: count, m: 1, n: count, k: head)
      }
      switch queries.dtype {
      case .float32:
        ck_attention_softmax_f32(
          weights.f32, Float(scale), nil, 1, nil, batch * heads, count, count, -1)
      case .float64:
        ck_attention_softmax_f64(
          weights.f64, scale, nil, 1, nil, batch * heads, count, count, -1)
      }
      for block in 0..<batch * heads {
        let (sample, column) = (block / heads, block % heads * head)
        gemm(
          weights, block * count, stride: count, transposed: false, values,
          sample * capacity * width + column, stride: width, transposed: false, out,
          sample * width + column, stride: width, m: 1, n: head, k: count)
      }
    }
  }
}
