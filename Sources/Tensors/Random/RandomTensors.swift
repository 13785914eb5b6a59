import CKernels

// Tensors of random numbers, and dropout. Axis 0 is the batch: sample s of the result belongs to
// sample generator.firstSample + s of the whole batch. A parameter, which has no batch, is drawn in
// the same way: each row of axis 0 counts as one sample, and a scalar is one sample.

extension Tensor {
  /// Numbers drawn evenly from (0, 1), never 0 or 1, with 23 random bits.
  public static func uniform(
    _ shape: Shape, dtype: DType = .float32, using generator: inout Philox
  ) -> Tensor {
    drawn(shape, dtype, &generator, ck_philox_uniform_f32, ck_philox_uniform_f64)
  }

  /// Numbers drawn evenly from a range, with 23 random bits.
  ///
  /// The bounds themselves can occur only by rounding, if the range is far from 0 compared with its
  /// length.
  public static func uniform(
    _ shape: Shape, in range: Range<Double>, dtype: DType = .float32,
    using generator: inout Philox
  ) -> Tensor {
    uniform(shape, dtype: dtype, using: &generator)
      .affine(scale: range.upperBound - range.lowerBound, offset: range.lowerBound)
  }

  /// Numbers drawn from the standard normal distribution (Box and Muller).
  public static func normal(
    _ shape: Shape, dtype: DType = .float32, using generator: inout Philox
  ) -> Tensor {
    drawn(shape, dtype, &generator, ck_philox_normal_f32, ck_philox_normal_f64)
  }

  /// Numbers drawn from the standard Gumbel distribution: -log(-log u), which is always finite.
  public static func gumbel(
    _ shape: Shape, dtype: DType = .float32, using generator: inout Philox
  ) -> Tensor {
    drawn(shape, dtype, &generator, ck_philox_gumbel_f32, ck_philox_gumbel_f64)
  }

  private typealias Draw<T> = (UnsafeMutablePointer<T>?, Int, Int, UInt64, UInt64, UInt32) -> Void

  private static func drawn(
    _ shape: Shape, _ dtype: DType, _ generator: inout Philox, _ f32: Draw<Float>,
    _ f64: Draw<Double>
  ) -> Tensor {
    let samples = shape.rank == 0 ? 1 : shape[0]
    let perSample = samples == 0 ? 0 : shape.elementCount / samples
    let first = UInt64(generator.firstSample)
    let draw = generator.nextDraw()
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: f32(out.f32, samples, perSample, first, generator.key, draw)
      case .float64: f64(out.f64, samples, perSample, first, generator.key, draw)
      }
    }
  }

  /// Sets a random fraction `rate` of the elements to zero, and divides the others by 1 - rate.
  ///
  /// The backward pass draws the same mask again instead of keeping it.
  ///
  /// - Parameters:
  ///   - rate: a number in [0, 1), rounded to a multiple of 1/65536; 0 returns `self` and draws
  ///     nothing.
  ///   - generator: the source of the mask, from which one draw is taken.
  /// - Returns: a tensor of the same shape.
  public func dropout(_ rate: Double, using generator: inout Philox) -> Tensor {
    expect(rate >= 0 && rate < 1, "a dropout rate lies in [0, 1), not \(rate)")
    guard rate > 0 else { return self }
    return masked(
      DropoutMask(
        key: generator.key, firstSample: UInt64(generator.firstSample), draw: generator.nextDraw(),
        rate: rate))
  }

  /// The elements that the mask keeps, divided by the share that it keeps.
  ///
  /// This linear map is its own transpose.
  private func masked(_ mask: DropoutMask) -> Tensor {
    let samples = rank == 0 ? 1 : shape[0]
    let perSample = samples == 0 ? 0 : count / samples
    return Tensor(shape: shape, dtype: dtype, operation: "dropout") { out in
      switch dtype {
      case .float32:
        ck_philox_dropout_f32(
          storage.f32, out.f32, mask.rate, samples, perSample, mask.firstSample, mask.key, mask.draw
        )
      case .float64:
        ck_philox_dropout_f64(
          storage.f64, out.f64, mask.rate, samples, perSample, mask.firstSample, mask.key, mask.draw
        )
      }
    }.recorded(from: [self], operation: "dropout", { v, _, _ in [v.masked(mask)] })
  }
}

/// The numbers from which a dropout mask can be drawn again.
private struct DropoutMask {
  let key: UInt64
  let firstSample: UInt64
  let draw: UInt32
  let rate: Double
}
