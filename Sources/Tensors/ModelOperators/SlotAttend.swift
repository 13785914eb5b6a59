import CKernels

extension Tensor {
  /// The attention of queries that compete for inputs (Locatello and others 2020; several heads as
  /// in SLATE).
  ///
  /// a = softmax over queries of scale q x^T, for each input.
  ///
  /// - Parameters:
  ///   - queries: q, [batch, queries, width]: one row for each slot, or each head of each slot.
  ///   - inputsTransposed: x^T, [batch, width, inputs].
  ///   - scale: the factor of the logits; default 1.
  /// - Returns: a, [batch, queries, inputs]; not recorded.
  ///
  /// Stops, printing both shapes, when the operands do not fit each other.
  package static func slotAttention(
    queries: Tensor, inputsTransposed: Tensor, scale: Double = 1
  ) -> Tensor {
    expectSameDType("slotAttention", queries, inputsTransposed)
    expect(
      queries.rank == 3 && inputsTransposed.rank == 3
        && queries.shape[0] == inputsTransposed.shape[0]
        && queries.shape[2] == inputsTransposed.shape[1],
      "slotAttention needs queries [batch, queries, width] and transposed inputs [batch, width, "
        + "inputs], not \(queries.shape) and \(inputsTransposed.shape)")
    let (batch, rows, inputs) = (queries.shape[0], queries.shape[1], inputsTransposed.shape[2])
    return Tensor(shape: [batch, rows, inputs], dtype: queries.dtype) { out in
      multiplySamples(batch, queries, inputsTransposed, scale: scale, into: out)
      switch out.dtype {
      case .float32: ck_slot_softmax_f32(out.f32, batch, rows, inputs)
      case .float64: ck_slot_softmax_f64(out.f64, batch, rows, inputs)
      }
    }
  }

  /// The weighted means of the inputs, with the weights of slot attention.
  ///
  /// With a as in `slotAttention(queries:inputsTransposed:scale:)`: w = (a + epsilon) / sum over
  /// inputs of (a + epsilon), and the result is w x.
  ///
  /// - Parameters:
  ///   - queries: q, [batch, queries, width].
  ///   - inputs: x, [batch, inputs, width].
  ///   - inputsTransposed: `inputs.transposed()`, computed once for all iterations, so that every
  ///     product runs along rows. Only its elements are read: derivatives are those of `inputs`.
  ///   - scale: the factor of the logits; default 1.
  ///   - epsilon: a small weight added everywhere, so that the weights of a query that wins nothing
  ///     stay defined; default 1e-8.
  /// - Returns: [batch, queries, width].
  /// - Complexity: two products of queries and inputs forward, four backward.
  ///
  /// Stops, printing both shapes, when the operands do not fit each other.
  package static func slotMeans(
    queries: Tensor, inputs: Tensor, inputsTransposed: Tensor, scale: Double = 1,
    epsilon: Double = 1e-8
  ) -> Tensor {
    expectSameDType("slotMeans", queries, inputs, inputsTransposed)
    let a = slotAttention(queries: queries, inputsTransposed: inputsTransposed, scale: scale)
    expect(
      inputs.shape == [a.shape[0], a.shape[2], queries.shape[2]],
      "slotMeans needs inputs that are \(inputsTransposed.shape) when transposed, not "
        + "\(inputs.shape)")
    let (batch, rows, count) = (a.shape[0], a.shape[1], a.shape[2])
    let attention = a.storage
    let sums = Storage(dtype: a.dtype, count: batch * rows)
    let weights = Tensor(shape: a.shape, dtype: a.dtype) { out in
      switch out.dtype {
      case .float32:
        ck_slot_weights_f32(
          attention.f32, Float(epsilon), out.f32, sums.f32, batch * rows, count)
      case .float64:
        ck_slot_weights_f64(attention.f64, epsilon, out.f64, sums.f64, batch * rows, count)
      }
    }
    return Tensor(shape: queries.shape, dtype: queries.dtype) { out in
      multiplySamples(batch, weights, inputs, into: out)
    }.recorded(
      from: [queries, inputs],
      composition: { x in
        let logits = x[0].matmul(x[1], transposingOther: true) * scale
        let shares = logits.transposed().softmax().transposed() + epsilon
        return (shares / shares.sum(alongAxis: 2, keepingAxis: true)).matmul(x[1])
      },
      { v, _, needs in
        let dLogits = Tensor(shape: a.shape, dtype: a.dtype) { out in
          multiplySamples(batch, v, inputsTransposed, into: out)
          switch out.dtype {
          case .float32:
            ck_slot_attention_vjp_f32(
              attention.f32, weights.storage.f32, sums.f32, out.f32, batch, rows, count)
          case .float64:
            ck_slot_attention_vjp_f64(
              attention.f64, weights.storage.f64, sums.f64, out.f64, batch, rows, count)
          }
        }
        let dQueries = Tensor(shape: queries.shape, dtype: v.dtype) { out in
          guard needs[0] else { return }
          multiplySamples(batch, dLogits, inputs, scale: scale, into: out)
        }
        guard needs[1] else { return [dQueries, nil] }
        // The inputs are both keys and values here, so dx = scale dlogits^T q + w^T v.
        let dInputs = Tensor(shape: inputs.shape, dtype: v.dtype) { out in
          multiplySamples(batch, dLogits, transposed: true, queries, scale: scale, into: out)
          multiplySamples(batch, weights, transposed: true, v, keep: 1, into: out)
        }
        return [dQueries, dInputs]
      })
  }
}

/// out = scale a b + keep out, or with a^T, sample by sample.
private func multiplySamples(
  _ batch: Int, _ a: Tensor, transposed: Bool = false, _ b: Tensor, scale: Double = 1,
  keep: Double = 0, into out: Storage
) {
  let m = a.shape[transposed ? 2 : 1]
  let (k, n) = (b.shape[1], b.shape[2])
  for sample in 0..<batch {
    gemm(
      scale: scale, a.storage, sample * m * k, stride: a.shape[2], transposed: transposed,
      b.storage, sample * k * n, stride: n, transposed: false, keep: keep, out, sample * m * n,
      stride: n, m: m, n: n, k: k)
  }
}
