import CKernels

// Multi-head attention and slot attention, each in one operator that works on the heads in place,
// as columns of the projections, without moving them.

extension Tensor {
  /// Scaled dot-product attention with several heads (Vaswani and others 2017).
  ///
  /// For each head: softmax(q k^T / sqrt(width / heads)) v, the heads side by side.
  ///
  /// - Parameters:
  ///   - queries: [batch, m, width]; head h owns columns h width / heads and on.
  ///   - keys: [batch, n, width].
  ///   - values: [batch, n, width].
  ///   - heads: a divisor of the width.
  ///   - causal: whether query r sees only keys 0...r + n - m; default false.
  ///   - dropout: the rate at which attention weights are dropped, default 0.
  ///   - generator: one draw is taken if the rate is positive.
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
    let (batch, m, n, width) = (
      queries.shape[0], queries.shape[1], keys.shape[1], queries.shape[2]
    )
    expect(
      !causal || n >= m,
      "causal attention needs at least as many keys as queries, not \(n) and \(m)")
    let heads = Heads(batch: batch, heads: heads, queries: m, keys: n, width: width)
    let scale = 1 / Double(width / heads.heads).squareRoot()
    let offset = causal ? n - m : -1

    let weights = heads.scores(queries.storage, keys.storage)
    switch weights.dtype {
    case .float32:
      ck_attention_softmax_f32(
        weights.f32, Float(scale), batch * heads.heads, m, n, offset)
    case .float64:
      ck_attention_softmax_f64(weights.f64, scale, batch * heads.heads, m, n, offset)
    }
    let kept = Tensor(weights, [batch, heads.heads, m, n])
    // The same draw masks the weights here and their cotangents on the way back.
    let mask = generator
    if dropout > 0 { _ = generator.nextDraw() }
    let masked = { (tensor: Tensor) -> Tensor in
      var again = mask
      return withoutRecording { tensor.dropout(dropout, using: &again) }
    }
    let value = Tensor(heads.mix(masked(kept).storage, values.storage), queries.shape)
    return value.recorded(
      from: [queries, keys, values], fused: "attention",
      { v, _, needs in
        let dropped = masked(kept).storage
        let dValues = needs[2] ? heads.mixTransposed(dropped, v.storage) : nil
        guard needs[0] || needs[1] else {
          return [nil, nil, dValues.map { Tensor($0, values.shape) }]
        }
        let dWeights = masked(
          Tensor(heads.scores(v.storage, values.storage), kept.shape)
        ).storage
        switch weights.dtype {
        case .float32:
          ck_attention_softmax_vjp_f32(
            weights.f32, dWeights.f32, Float(scale), batch * heads.heads, m, n, offset)
        case .float64:
          ck_attention_softmax_vjp_f64(
            weights.f64, dWeights.f64, scale, batch * heads.heads, m, n, offset)
        }
        return [
          needs[0] ? Tensor(heads.mix(dWeights, keys.storage), queries.shape) : nil,
          needs[1] ? Tensor(heads.mixTransposed(dWeights, queries.storage), keys.shape) : nil,
          dValues.map { Tensor($0, values.shape) },
        ]
      })
  }
}

/// The products of attention, head by head: a head is a block of columns.
private struct Heads {
  let batch: Int
  let heads: Int
  let queries: Int
  let keys: Int
  let width: Int

  /// a b^T for each head: [batch, heads, queries, keys] from [batch, queries, width] and
  /// [batch, keys, width].
  func scores(_ a: Storage, _ b: Storage) -> Storage {
    let out = Storage(dtype: a.dtype, count: batch * heads * queries * keys)
    forEach { row, rowKey, column, block in
      gemm(
        a, row + column, stride: width, transposed: false, b, rowKey + column, stride: width,
        transposed: true, out, block, stride: keys, m: queries, n: keys, k: width / heads)
    }
    return out
  }

  /// p b for each head: [batch, queries, width].
  func mix(_ p: Storage, _ b: Storage) -> Storage {
    let out = Storage(dtype: p.dtype, count: batch * queries * width)
    forEach { row, rowKey, column, block in
      gemm(
        p, block, stride: keys, transposed: false, b, rowKey + column, stride: width,
        transposed: false, out, row + column, stride: width, m: queries, n: width / heads,
        k: keys)
    }
    return out
  }

  /// p^T a for each head: [batch, keys, width].
  func mixTransposed(_ p: Storage, _ a: Storage) -> Storage {
    let out = Storage(dtype: p.dtype, count: batch * keys * width)
    forEach { row, rowKey, column, block in
      gemm(
        p, block, stride: keys, transposed: true, a, row + column, stride: width,
        transposed: false, out, rowKey + column, stride: width, m: keys, n: width / heads,
        k: queries)
    }
    return out
  }

  /// Offsets of a sample's queries, its keys, the head's first column, and its block of scores.
  private func forEach(_ body: (Int, Int, Int, Int) -> Void) {
    for sample in 0..<batch {
      for head in 0..<heads {
        body(
          sample * queries * width, sample * keys * width, head * (width / heads),
          (sample * heads + head) * queries * keys)
      }
    }
  }
}
