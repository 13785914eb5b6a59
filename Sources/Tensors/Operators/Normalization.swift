import CKernels

// Layer norm, and group norm with one group.

extension Tensor {
  /// (x - mean) / sqrt(variance + epsilon) * gain + bias over the last axis.
  ///
  /// - Parameters:
  ///   - gain: the factor of each element, [width].
  ///   - bias: the summand of each element, [width].
  ///   - epsilon: keeps the quotient defined where the variance is 0; default 1e-5.
  /// - Returns: a tensor of the same shape.
  public func layerNorm(gain: Tensor, bias: Tensor, epsilon: Double = 1e-5) -> Tensor {
    expectSameDType("layerNorm", self, gain, bias)
    expect(
      rank > 0 && gain.shape == [shape[-1]] && bias.shape == gain.shape,
      "layerNorm of \(shape) needs a gain and a bias of its last extent, not \(gain.shape) and "
        + "\(bias.shape)")
    let cols = shape[-1]
    let rows = cols == 0 ? 0 : count / cols
    let mean = Storage(dtype: dtype, count: rows)
    let scale = Storage(dtype: dtype, count: rows)
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32:
        ck_layer_norm_f32(
          storage.f32, gain.storage.f32, bias.storage.f32, Float(epsilon), out.f32, mean.f32,
          scale.f32, rows, cols)
      case .float64:
        ck_layer_norm_f64(
          storage.f64, gain.storage.f64, bias.storage.f64, epsilon, out.f64, mean.f64,
          scale.f64, rows, cols)
      }
    }.recorded(
      from: [self, gain, bias],
      composition: { x in
        x[0].reshaped([rows, cols]).normalizedRows(epsilon).reshaped(x[0].shape) * x[1] + x[2]
      },
      { v, _, _ in
        let dgain = gain.zerosLike()
        let dbias = bias.zerosLike()
        let dx = Tensor(shape: shape, dtype: dtype) { out in
          switch dtype {
          case .float32:
            ck_layer_norm_vjp_f32(
              storage.f32, gain.storage.f32, mean.f32, scale.f32, v.storage.f32, out.f32,
              dgain.storage.f32, dbias.storage.f32, rows, cols)
          case .float64:
            ck_layer_norm_vjp_f64(
              storage.f64, gain.storage.f64, mean.f64, scale.f64, v.storage.f64, out.f64,
              dgain.storage.f64, dbias.storage.f64, rows, cols)
          }
        }
        return [dx, dgain, dbias]
      })
  }

  /// Group norm with one group: mean and variance over everything but the batch, a gain and a
  /// bias for each channel, optionally followed by a rectifier.
  ///
  /// - Parameters:
  ///   - gain: the factor of each channel, [channels].
  ///   - bias: the summand of each channel, [channels].
  ///   - epsilon: keeps the quotient defined where the variance is 0; default 1e-5.
  ///   - rectified: whether max(., 0) is applied; default false.
  /// - Returns: a tensor of the same shape [batch, ..., channels].
  public func groupNorm(
    gain: Tensor, bias: Tensor, epsilon: Double = 1e-5, rectified: Bool = false
  ) -> Tensor {
    expectSameDType("groupNorm", self, gain, bias)
    expect(
      rank >= 2 && gain.shape == [shape[-1]] && bias.shape == gain.shape,
      "groupNorm of \(shape) needs a gain and a bias of its last extent, not \(gain.shape) and "
        + "\(bias.shape)")
    let (batch, channels) = (shape[0], shape[-1])
    let pixels = batch == 0 || channels == 0 ? 0 : count / (batch * channels)
    let mean = Storage(dtype: dtype, count: batch)
    let scale = Storage(dtype: dtype, count: batch)
    let flag: Int32 = rectified ? 1 : 0
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32:
        ck_group_norm_f32(
          storage.f32, gain.storage.f32, bias.storage.f32, Float(epsilon), flag, out.f32,
          mean.f32, scale.f32, batch, pixels, channels)
      case .float64:
        ck_group_norm_f64(
          storage.f64, gain.storage.f64, bias.storage.f64, epsilon, flag, out.f64, mean.f64,
          scale.f64, batch, pixels, channels)
      }
    }.recorded(
      from: [self, gain, bias], keepingOutput: true,
      composition: { x in
        let rows = x[0].reshaped([batch, pixels * channels]).normalizedRows(epsilon)
        let result = rows.reshaped(x[0].shape) * x[1] + x[2]
        return rectified ? result.relu() : result
      },
      { v, y, _ in
        let dgain = gain.zerosLike()
        let dbias = bias.zerosLike()
        let scratch = Storage(dtype: dtype, count: 2 * channels)
        let dx = Tensor(shape: shape, dtype: dtype) { out in
          switch dtype {
          case .float32:
            ck_group_norm_vjp_f32(
              storage.f32, gain.storage.f32, flag, y.storage.f32, mean.f32, scale.f32,
              v.storage.f32, out.f32, dgain.storage.f32, dbias.storage.f32, scratch.f32, batch,
              pixels, channels)
          case .float64:
            ck_group_norm_vjp_f64(
              storage.f64, gain.storage.f64, flag, y.storage.f64, mean.f64, scale.f64,
              v.storage.f64, out.f64, dgain.storage.f64, dbias.storage.f64, scratch.f64, batch,
              pixels, channels)
          }
        }
        return [dx, dgain, dbias]
      })
  }

  /// (x - mean) / sqrt(variance + epsilon) of every row of a matrix, in basic operators.
  private func normalizedRows(_ epsilon: Double) -> Tensor {
    let centred = self - mean(alongAxis: 1, keepingAxis: true)
    let variance = centred.square().mean(alongAxis: 1, keepingAxis: true)
    return centred / (variance + epsilon).sqrt()
  }
}
