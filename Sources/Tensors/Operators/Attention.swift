import CKernels

// Multi-head attention as one operator. It works on the heads where they are, as columns of the
// projections, and does not move them.

extension Tensor {
  /// Scaled dot-product attention with several heads, without dropout.
  ///
  /// As `attention(queries:keys:values:heads:causal:dropout:using:)` at a rate of 0, which draws nothing.
  ///
  /// - Returns: [batch, m, width].
  public static func attention(
    queries: Tensor, keys: Tensor, values: Tensor, heads: Int, causal: Bool = false
  ) -> Tensor {
    var unused = Philox(seed: 0)
    return attention(
      queries: queries, keys: keys, values: values, heads: heads, causal: causal, dropout: 0,
      using: &unused)
  }

  /// Scaled dot-product attention with several heads (Vaswani and others 2017).
  ///
  /// Each head computes softmax(q k^T / sqrt(width / heads)) v; the results stand side by side.
  ///
  /// - Parameters:
  ///   - queries: q, [batch, m, width]; head h uses the columns from h width / heads on, width /
  ///     heads of them.
  ///   - keys: k, [batch, n, width].
  ///   - values: v, [batch, n, width].
  ///   - heads: the number of heads, a divisor of the width.
  ///   - causal: whether query r sees only keys 0...r + n - m; default false.
  ///   - dropout: the rate at which attention weights are dropped, default 0.
  ///   - generator: the source of the dropout mask; one draw is taken if the rate is positive.
  /// - Returns: [batch, m, width].
  public static func attention(
    queries: Tensor, keys: Tensor, values: Tensor, heads: Int, causal: Bool = false,
    dropout: Double = 0, using generator: inout Philox
  ) -> Tensor {
    expectSameDType("attention", queries, keys, values)
    expect(
      queries.rank == 3 && keys.rank == 3 && keys.shape == values.shape
        && keys.shape[0] == queries.shape[0] && keys.shape[2] == queries.shape[2] && heads > 0
        && keys.shape[2] % heads == 0,
      "attention with \(heads) heads needs queries [batch, m, width] and keys and values [batch, n, "
        + "width] of a width that the heads divide, not \(queries.shape), \(keys.shape) and "
        + "\(values.shape)")
    let (m, n) = (queries.shape[1], keys.shape[1])
    expect(
      !causal || n >= m,
      "causal attention needs at least as many keys as queries, not \(n) and \(m)")
    expect(dropout >= 0 && dropout < 1, "a dropout rate lies in [0, 1), not \(dropout)")
    let plan = Attention(
      batch: queries.shape[0], heads: heads, queries: m, keys: n, width: queries.shape[2],
      causal: causal)
    let mask =
      dropout > 0 ? AttentionMask(rate: dropout, for: plan, using: &generator) : nil
    let records = Tensor.records([queries, keys, values])
    let weights = Storage(
      dtype: queries.dtype, count: records ? plan.batch * heads * m * n : m * n)
    let value = Tensor(shape: queries.shape, dtype: queries.dtype) { out in
      plan.forward(
        queries.storage, keys.storage, values.storage, weights: weights, keepingWeights: records,
        mask: mask, into: out)
    }
    return value.recorded(
      from: [queries, keys, values],
      composition: { plan.composed(queries: $0[0], keys: $0[1], values: $0[2], mask: mask) },
      { v, _, _ in
        let (dq, dk, dv) = (
          Storage(dtype: v.dtype, count: queries.count),
          Storage(dtype: v.dtype, count: keys.count), Storage(dtype: v.dtype, count: keys.count)
        )
        plan.backward(
          queries.storage, keys.storage, values.storage, weights: weights, mask: mask,
          cotangent: v.storage, into: dq, dk, dv)
        return [Tensor(dq, queries.shape), Tensor(dk, keys.shape), Tensor(dv, keys.shape)]
      })
  }
}

/// The attention weights that dropout keeps: one byte, 1 or 0, for each weight, and the factor of
/// the kept ones.
private struct AttentionMask {
  private let bytes: Storage
  let factor: Double

  init(rate: Double, for plan: Attention, using generator: inout Philox) {
    let perSample = plan.heads * plan.queries * plan.keys
    factor = 1 / (1 - rate)
    // Four bytes share one float32, because the pool has no smaller elements.
    bytes = Storage(dtype: .float32, count: (plan.batch * perSample + 3) / 4)
    ck_philox_keep(
      start, rate, plan.batch, perSample, UInt64(generator.firstSample), generator.key,
      generator.nextDraw())
  }

  private var start: UnsafeMutablePointer<UInt8> { bytes.base.assumingMemoryBound(to: UInt8.self) }

  func at(_ offset: Int) -> UnsafePointer<UInt8> { UnsafePointer(start + offset) }

  /// The factor of each weight.
  func factors(_ shape: Shape, _ dtype: DType) -> Tensor {
    let kept = [UInt8](UnsafeBufferPointer(start: start, count: shape.elementCount))
    return Tensor(bytes: kept, shape: shape, scale: 1).converted(to: dtype) * factor
  }
}

/// Attention head by head, where a head is a block of columns.
///
/// The weights of a head are computed and used while they are in the cache. Under a causal mask the
/// queries are cut into blocks, so that the products skip most of the masked weights.
private struct Attention {
  let batch: Int
  let heads: Int
  let queries: Int
  let keys: Int
  let width: Int
  let causal: Bool

  /// The number of rows of a block under a causal mask: shorter blocks skip more masked weights,
  /// longer blocks multiply faster.
  private static let causalRows = 64

  private var headWidth: Int { width / heads }
  private var scale: Double { 1 / Double(headWidth).squareRoot() }
  private var rowsOfBlock: Int { causal ? min(Attention.causalRows, queries) : queries }

  /// A block of queries of one head, as offsets into the buffers.
  private struct Block {
    /// The offsets of the first query and of the first key, at the columns of the head.
    let query: Int
    let key: Int
    /// The offset of the first weight; a row of weights has as many numbers as there are keys.
    let weight: Int
    let rows: Int
    /// The number of keys that some row of the block sees.
    let cols: Int
    /// Row r sees keys 0...r + offset; a negative offset means that there is no mask.
    let offset: Int
    /// Whether this is the first block of its head to be visited; that block sees all keys.
    let isFirst: Bool
  }

  /// Visits the blocks head by head, the longest rows first.
  private func forEachBlock(_ body: (Block) -> Void) {
    for head in 0..<batch * heads {
      let (sample, column) = (head / heads, head % heads * headWidth)
      var end = queries
      repeat {
        let start = max(end - rowsOfBlock, 0)
        body(
          Block(
            query: (sample * queries + start) * width + column,
            key: sample * keys * width + column, weight: (head * queries + start) * keys,
            rows: end - start, cols: causal ? keys - queries + end : keys,
            offset: causal ? keys - queries + start : -1, isFirst: end == queries))
        end = start
      } while end > 0
    }
  }

  func forward(
    _ q: Storage, _ k: Storage, _ v: Storage, weights: Storage, keepingWeights: Bool,
    mask: AttentionMask?, into out: Storage
  ) {
    let dropped = mask.map { _ in Storage(dtype: q.dtype, count: rowsOfBlock * keys) }
    forEachBlock { block in
      let weight = keepingWeights ? block.weight : 0
      gemm(
        q, block.query, stride: width, transposed: false, k, block.key, stride: width,
        transposed: true, weights, weight, stride: keys, m: block.rows, n: block.cols,
        k: headWidth)
      switch q.dtype {
      case .float32:
        ck_attention_softmax_f32(
          weights.f32 + weight, Float(scale), mask?.at(block.weight), Float(mask?.factor ?? 1),
          dropped?.f32, block.rows, block.cols, keys, block.offset)
      case .float64:
        ck_attention_softmax_f64(
          weights.f64 + weight, scale, mask?.at(block.weight), mask?.factor ?? 1, dropped?.f64,
          block.rows, block.cols, keys, block.offset)
      }
      gemm(
        dropped ?? weights, dropped == nil ? weight : 0,
        stride: dropped == nil ? keys : block.cols, transposed: false, v, block.key,
        stride: width, transposed: false, out, block.query, stride: width, m: block.rows,
        n: headWidth, k: block.cols)
    }
  }

  /// With w = p keep factor: dv = w^T u, dw = u v^T, ds from dw (see the kernel), dq = ds k, dk =
  /// ds^T q.
  ///
  /// The products themselves add up the blocks.
  func backward(
    _ q: Storage, _ k: Storage, _ v: Storage, weights: Storage, mask: AttentionMask?,
    cotangent u: Storage, into dq: Storage, _ dk: Storage, _ dv: Storage
  ) {
    let dScores = Storage(dtype: q.dtype, count: rowsOfBlock * keys)
    let dropped = mask.map { _ in Storage(dtype: q.dtype, count: rowsOfBlock * keys) }
    forEachBlock { block in
      let (rows, cols) = (block.rows, block.cols)
      gemm(
        u, block.query, stride: width, transposed: false, v, block.key, stride: width,
        transposed: true, dScores, 0, stride: cols, m: rows, n: cols, k: headWidth)
      switch q.dtype {
      case .float32:
        ck_attention_softmax_vjp_f32(
          weights.f32 + block.weight, dScores.f32, Float(scale), mask?.at(block.weight),
          Float(mask?.factor ?? 1), dropped?.f32, rows, cols, keys)
      case .float64:
        ck_attention_softmax_vjp_f64(
          weights.f64 + block.weight, dScores.f64, scale, mask?.at(block.weight),
          mask?.factor ?? 1, dropped?.f64, rows, cols, keys)
      }
      let keep = block.isFirst ? 0.0 : 1.0
      gemm(
        dropped ?? weights, dropped == nil ? block.weight : 0,
        stride: dropped == nil ? keys : cols, transposed: true, u, block.query, stride: width,
        transposed: false, keep: keep, dv, block.key, stride: width, m: cols, n: headWidth,
        k: rows)
      gemm(
        dScores, 0, stride: cols, transposed: false, k, block.key, stride: width,
        transposed: false, dq, block.query, stride: width, m: rows, n: headWidth, k: cols)
      gemm(
        dScores, 0, stride: cols, transposed: true, q, block.query, stride: width,
        transposed: false, keep: keep, dk, block.key, stride: width, m: cols, n: headWidth,
        k: rows)
    }
  }

  /// The same function in basic operators.
  func composed(queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask?) -> Tensor {
    let head = { (x: Tensor) in
      x.reshaped([batch, x.shape[1], heads, headWidth]).permuted([0, 2, 1, 3])
    }
    var scores = head(queries).matmul(head(keys), transposingOther: true) * scale
    if causal {
      let (m, n) = (self.queries, self.keys)
      let hidden = (0..<m * n).map { $0 % n > $0 / n + n - m ? -1e30 : 0 }
      scores = scores + Tensor(hidden, shape: [m, n], dtype: queries.dtype)
    }
    let weights = scores.softmax()
    let kept = mask.map { weights * $0.factors(weights.shape, weights.dtype) } ?? weights
    return kept.matmul(head(values)).permuted([0, 2, 1, 3]).reshaped(queries.shape)
  }
}
