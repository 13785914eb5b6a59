import CKernels

extension Tensor {
  /// The attention of slots to inputs (Locatello and others 2020; several heads as in SLATE).
  ///
  /// logits = q k^T per head; a = softmax over slots AND heads for each input.
  ///
  /// - Parameters:
  ///   - queries: [batch, slots, width].
  ///   - keysTransposed: [batch, width, inputs], scaled already.
  ///   - heads: a divisor of the width.
  /// - Returns: a, [batch, heads * slots, inputs], head by head; not recorded.
  public static func slotAttention(
    queries: Tensor, keysTransposed: Tensor, heads: Int
  ) -> Tensor {
    let plan = SlotAttend(queries, keysTransposed, heads: heads)
    let attention = Tensor(shape: plan.attentionShape, dtype: queries.dtype) { out in
      plan.logits(queries.storage, keysTransposed.storage, into: out)
      switch out.dtype {
      case .float32: ck_slot_softmax_f32(out.f32, plan.batch, plan.rows, plan.inputs)
      case .float64: ck_slot_softmax_f64(out.f64, plan.batch, plan.rows, plan.inputs)
      }
    }
    return attention
  }

  /// What slots gather from the inputs: the weighted mean of the values under slot attention.
  ///
  /// With a as in `slotAttention(queries:keysTransposed:heads:)`: w = (a + epsilon) / sum over
  /// inputs of (a + epsilon), updates = w v per head, the heads side by side.
  ///
  /// - Parameters:
  ///   - queries: [batch, slots, width].
  ///   - keysTransposed: [batch, width, inputs]: transposed once per solve, so that the products of
  ///     every iteration run along rows.
  ///   - values: [batch, inputs, width].
  ///   - heads: a divisor of the width.
  ///   - epsilon: default 1e-8, which keeps the weights of an ignored slot defined.
  /// - Returns: [batch, slots, width].
  public static func slotUpdates(
    queries: Tensor, keysTransposed: Tensor, values: Tensor, heads: Int, epsilon: Double = 1e-8
  ) -> Tensor {
    expectSameDType("slotUpdates", queries, keysTransposed, values)
    let plan = SlotAttend(queries, keysTransposed, heads: heads)
    expect(
      values.shape == [plan.batch, plan.inputs, plan.width],
      "slotUpdates needs values [\(plan.batch), \(plan.inputs), \(plan.width)], not "
        + "\(values.shape)")
    let attention = slotAttention(
      queries: queries, keysTransposed: keysTransposed, heads: heads
    ).storage
    let weights = Storage(dtype: queries.dtype, count: attention.count)
    let sums = Storage(dtype: queries.dtype, count: plan.batch * plan.rows)
    switch queries.dtype {
    case .float32:
      ck_slot_weights_f32(
        attention.f32, Float(epsilon), weights.f32, sums.f32, plan.batch * plan.rows, plan.inputs)
    case .float64:
      ck_slot_weights_f64(
        attention.f64, epsilon, weights.f64, sums.f64, plan.batch * plan.rows, plan.inputs)
    }
    let updates = Tensor(plan.mix(weights, values.storage), queries.shape)
    return updates.recorded(
      from: [queries, keysTransposed, values], fused: true,
      { v, _, needs in
        let dValues = needs[2] ? Tensor(plan.spread(weights, v.storage), values.shape) : nil
        guard needs[0] || needs[1] else { return [nil, nil, dValues] }
        let dLogits = plan.products(v.storage, values.storage)
        switch v.dtype {
        case .float32:
          ck_slot_attention_vjp_f32(
            attention.f32, weights.f32, sums.f32, dLogits.f32, plan.batch, plan.rows, plan.inputs)
        case .float64:
          ck_slot_attention_vjp_f64(
            attention.f64, weights.f64, sums.f64, dLogits.f64, plan.batch, plan.rows, plan.inputs)
        }
        return [
          needs[0]
            ? Tensor(plan.queryCotangent(dLogits, keysTransposed.storage), queries.shape) : nil,
          needs[1]
            ? Tensor(plan.keyCotangent(dLogits, queries.storage), keysTransposed.shape) : nil,
          dValues,
        ]
      })
  }
}

/// The products of slot attention, head by head.
///
/// Rows of the attention are heads times slots.
private struct SlotAttend {
  let batch: Int
  let slots: Int
  let inputs: Int
  let width: Int
  let heads: Int

  init(_ queries: Tensor, _ keysTransposed: Tensor, heads: Int) {
    expect(
      queries.rank == 3 && keysTransposed.rank == 3 && heads > 0
        && queries.shape[2] % heads == 0 && queries.shape[0] == keysTransposed.shape[0]
        && queries.shape[2] == keysTransposed.shape[1],
      "slot attention with \(heads) heads needs queries [batch, slots, width] and transposed keys "
        + "[batch, width, inputs] of a width that the heads divide, not \(queries.shape) and "
        + "\(keysTransposed.shape)")
    batch = queries.shape[0]
    slots = queries.shape[1]
    inputs = keysTransposed.shape[2]
    width = queries.shape[2]
    self.heads = heads
  }

  var rows: Int { heads * slots }
  var attentionShape: Shape { [batch, rows, inputs] }
  private var headWidth: Int { width / heads }

  private func forEach(_ body: (_ sample: Int, _ head: Int, _ block: Int) -> Void) {
    for sample in 0..<batch {
      for head in 0..<heads { body(sample, head, (sample * heads + head) * slots * inputs) }
    }
  }

  /// q kT -> [batch, rows, inputs].
  func logits(_ q: Storage, _ kT: Storage, into out: Storage) {
    forEach { sample, head, block in
      gemm(
        q, sample * slots * width + head * headWidth, stride: width, transposed: false, kT,
        (sample * width + head * headWidth) * inputs, stride: inputs, transposed: false, out,
        block, stride: inputs, m: slots, n: inputs, k: headWidth)
    }
  }

  /// w v -> [batch, slots, width].
  func mix(_ w: Storage, _ values: Storage) -> Storage {
    let out = Storage(dtype: w.dtype, count: batch * slots * width)
    forEach { sample, head, block in
      gemm(
        w, block, stride: inputs, transposed: false, values,
        sample * inputs * width + head * headWidth, stride: width, transposed: false, out,
        sample * slots * width + head * headWidth, stride: width, m: slots, n: headWidth,
        k: inputs)
    }
    return out
  }

  /// w^T u -> [batch, inputs, width].
  func spread(_ w: Storage, _ u: Storage) -> Storage {
    let out = Storage(dtype: w.dtype, count: batch * inputs * width)
    forEach { sample, head, block in
      gemm(
        w, block, stride: inputs, transposed: true, u, sample * slots * width + head * headWidth,
        stride: width, transposed: false, out, sample * inputs * width + head * headWidth,
        stride: width, m: inputs, n: headWidth, k: slots)
    }
    return out
  }

  /// u v^T -> [batch, rows, inputs].
  func products(_ u: Storage, _ values: Storage) -> Storage {
    let out = Storage(dtype: u.dtype, count: batch * rows * inputs)
    forEach { sample, head, block in
      gemm(
        u, sample * slots * width + head * headWidth, stride: width, transposed: false, values,
        sample * inputs * width + head * headWidth, stride: width, transposed: true, out, block,
        stride: inputs, m: slots, n: inputs, k: headWidth)
    }
    return out
  }

  /// dlogits k -> [batch, slots, width].
  func queryCotangent(_ dLogits: Storage, _ kT: Storage) -> Storage {
    let out = Storage(dtype: kT.dtype, count: batch * slots * width)
    forEach { sample, head, block in
      gemm(
        dLogits, block, stride: inputs, transposed: false, kT,
        (sample * width + head * headWidth) * inputs, stride: inputs, transposed: true, out,
        sample * slots * width + head * headWidth, stride: width, m: slots, n: headWidth,
        k: inputs)
    }
    return out
  }

  /// q^T dlogits -> [batch, width, inputs].
  func keyCotangent(_ dLogits: Storage, _ q: Storage) -> Storage {
    let out = Storage(dtype: q.dtype, count: batch * width * inputs)
    forEach { sample, head, block in
      gemm(
        q, sample * slots * width + head * headWidth, stride: width, transposed: true, dLogits,
        block, stride: inputs, transposed: false, out,
        (sample * width + head * headWidth) * inputs, stride: inputs, m: headWidth, n: inputs,
        k: slots)
    }
    return out
  }
}
