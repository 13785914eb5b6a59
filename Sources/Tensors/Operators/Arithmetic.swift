import CKernels

// Elementwise operators on two tensors, with broadcasting: axes are aligned at the end and an
// extent of 1 is stretched. The cotangent of a stretched operand is summed back to its shape.

private let addKernel = BinaryKernel(f32: ck_add_f32, f64: ck_add_f64)
private let subtractKernel = BinaryKernel(f32: ck_sub_f32, f64: ck_sub_f64)
private let multiplyKernel = BinaryKernel(f32: ck_mul_f32, f64: ck_mul_f64)
private let divideKernel = BinaryKernel(f32: ck_div_f32, f64: ck_div_f64)

extension Tensor {
  /// a + b, with broadcasting.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    let result = broadcasting("+", addKernel, a, b)
    guard records(a, b) else { return result }
    let (aShape, bShape) = (a.shape, b.shape)
    return result.recorded(
      from: [a, b],
      { v, _, needs in
        [needs[0] ? v.summed(to: aShape) : nil, needs[1] ? v.summed(to: bShape) : nil]
      })
  }

  /// a - b, with broadcasting.
  public static func - (a: Tensor, b: Tensor) -> Tensor {
    let result = broadcasting("-", subtractKernel, a, b)
    guard records(a, b) else { return result }
    let (aShape, bShape) = (a.shape, b.shape)
    return result.recorded(
      from: [a, b],
      { v, _, needs in
        [needs[0] ? v.summed(to: aShape) : nil, needs[1] ? -v.summed(to: bShape) : nil]
      })
  }

  /// a * b elementwise, with broadcasting.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    let result = broadcasting("*", multiplyKernel, a, b)
    guard records(a, b) else { return result }
    return result.recorded(
      from: [a, b],
      { v, _, needs in
        [
          needs[0] ? (v * b).summed(to: a.shape) : nil,
          needs[1] ? (v * a).summed(to: b.shape) : nil,
        ]
      })
  }

  /// a / b elementwise, with broadcasting.
  public static func / (a: Tensor, b: Tensor) -> Tensor {
    let result = broadcasting("/", divideKernel, a, b)
    guard records(a, b) else { return result }
    return result.recorded(
      from: [a, b], keepingOutput: true,
      { v, output, needs in
        let quotient = v / b
        return [
          needs[0] ? quotient.summed(to: a.shape) : nil,
          needs[1] ? -(quotient * output).summed(to: b.shape) : nil,
        ]
      })
  }

  /// scale * self + offset, with numbers.
  ///
  /// - Parameters:
  ///   - scale: the factor.
  ///   - offset: what is added; default -0, which changes no number, the sign of a zero included.
  /// - Returns: a tensor of the same shape and dtype.
  public func affine(scale: Double, offset: Double = -0.0) -> Tensor {
    let result = Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_affine_f32(storage.f32, Float(scale), Float(offset), out.f32, count)
      case .float64: ck_affine_f64(storage.f64, scale, offset, out.f64, count)
      }
    }
    guard Tensor.records(self) else { return result }
    return result.recorded(from: [self], { v, _, _ in [v.affine(scale: scale)] })
  }

  /// -a.
  public static prefix func - (a: Tensor) -> Tensor { a.affine(scale: -1) }
  /// a + number.
  public static func + (a: Tensor, b: Double) -> Tensor { a.affine(scale: 1, offset: b) }
  /// number + b.
  public static func + (a: Double, b: Tensor) -> Tensor { b.affine(scale: 1, offset: a) }
  /// a - number.
  public static func - (a: Tensor, b: Double) -> Tensor { a.affine(scale: 1, offset: -b) }
  /// number - b.
  public static func - (a: Double, b: Tensor) -> Tensor { b.affine(scale: -1, offset: a) }
  /// a * number.
  public static func * (a: Tensor, b: Double) -> Tensor { a.affine(scale: b) }
  /// number * b.
  public static func * (a: Double, b: Tensor) -> Tensor { b.affine(scale: a) }
  /// a / number: the quotient itself, and not a product with the rounded 1 / number.
  public static func / (a: Tensor, b: Double) -> Tensor {
    let result = broadcasting("/", divideKernel, a, Tensor(b, dtype: a.dtype))
    guard records(a) else { return result }
    return result.recorded(from: [a], { v, _, _ in [v / b] })
  }
  /// number / b.
  public static func / (a: Double, b: Tensor) -> Tensor { Tensor(a, dtype: b.dtype) / b }

}

/// A binary kernel on two tensors that are stretched to each other's shape.
func broadcasting(
  _ name: StaticString, _ kernel: BinaryKernel, _ a: Tensor, _ b: Tensor
) -> Tensor {
  expectSameDType("\(name)", a, b)
  if a.shape == b.shape {
    return Tensor(shape: a.shape, dtype: a.dtype, operation: name) { out in
      kernel.apply(a.storage, 0, 1, b.storage, 0, 1, out, 0, out.count)
    }
  }
  guard let shape = a.shape.broadcast(with: b.shape) else {
    callerMistake(
      "shapes \(a.shape) and \(b.shape) cannot be broadcast for \(name): aligned at the end, each "
        + "pair of extents must be equal or contain a 1")
  }
  if a.count == 1 || b.count == 1 {
    return Tensor(shape: shape, dtype: a.dtype, operation: name) { out in
      kernel.apply(
        a.storage, 0, a.count == 1 ? 0 : 1, b.storage, 0, b.count == 1 ? 0 : 1, out, 0, out.count)
    }
  }
  let runs = BroadcastRuns(of: [a.shape, b.shape], to: shape)
  return Tensor(shape: shape, dtype: a.dtype, operation: name) { out in
    runs.forEach { outOffset, offsets in
      kernel.apply(
        a.storage, offsets[0], runs.innerSteps[0], b.storage, offsets[1], runs.innerSteps[1], out,
        outOffset, runs.innerCount)
    }
  }
}
