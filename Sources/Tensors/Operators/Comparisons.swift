import CKernels

// Comparisons, which give flags and are not recorded, and selections by flags, which are recorded.

extension Tensor {
  private typealias Comparison<T> = (
    UnsafePointer<T>?, Int, UnsafePointer<T>?, Int, UnsafeMutablePointer<UInt8>?, Int
  ) -> Void

  private static func compared(
    _ name: StaticString, _ a: Tensor, _ b: Tensor, _ f32: Comparison<Float>,
    _ f64: Comparison<Double>
  ) -> BoolTensor {
    expectSameDType("\(name)", a, b)
    guard let shape = a.shape.broadcast(with: b.shape) else {
      callerMistake("shapes \(a.shape) and \(b.shape) cannot be broadcast for \(name)")
    }
    let count = shape.elementCount
    // All empty arrays share their storage, and the initialiser would write to it.
    guard count > 0 else { return BoolTensor(elements: [], shape: shape) }
    let runs = BroadcastRuns(of: [a.shape, b.shape], to: shape)
    let flags = [Bool](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.withMemoryRebound(to: UInt8.self) { bytes in
        runs.forEach { offset, offsets in
          let out = bytes.baseAddress.map { $0 + offset }
          let (aStep, bStep) = (runs.innerSteps[0], runs.innerSteps[1])
          switch a.dtype {
          case .float32:
            f32(
              a.storage.f32 + offsets[0], aStep, b.storage.f32 + offsets[1], bStep, out,
              runs.innerCount)
          case .float64:
            f64(
              a.storage.f64 + offsets[0], aStep, b.storage.f64 + offsets[1], bStep, out,
              runs.innerCount)
          }
        }
      }
      initialized = count
    }
    return BoolTensor(elements: flags, shape: shape)
  }

  /// Where a is less than b, with broadcasting; false where either is NaN.
  public static func .< (a: Tensor, b: Tensor) -> BoolTensor {
    compared(".<", a, b, ck_less_f32, ck_less_f64)
  }
  /// Where a is at most b, with broadcasting; false where either is NaN.
  public static func .<= (a: Tensor, b: Tensor) -> BoolTensor {
    compared(".<=", a, b, ck_less_equal_f32, ck_less_equal_f64)
  }
  /// Where a is greater than b, with broadcasting; false where either is NaN.
  public static func .> (a: Tensor, b: Tensor) -> BoolTensor { b .< a }
  /// Where a is at least b, with broadcasting; false where either is NaN.
  public static func .>= (a: Tensor, b: Tensor) -> BoolTensor { b .<= a }
  /// Where a equals b, with broadcasting; false where either is NaN.
  public static func .== (a: Tensor, b: Tensor) -> BoolTensor {
    compared(".==", a, b, ck_equal_f32, ck_equal_f64)
  }
  /// Where a differs from b, with broadcasting; true where either is NaN.
  public static func .!= (a: Tensor, b: Tensor) -> BoolTensor { .!(a .== b) }

  /// Where a is less than a number.
  public static func .< (a: Tensor, b: Double) -> BoolTensor { a .< Tensor(b, dtype: a.dtype) }
  /// Where a is at most a number.
  public static func .<= (a: Tensor, b: Double) -> BoolTensor { a .<= Tensor(b, dtype: a.dtype) }
  /// Where a is greater than a number.
  public static func .> (a: Tensor, b: Double) -> BoolTensor { a .> Tensor(b, dtype: a.dtype) }
  /// Where a is at least a number.
  public static func .>= (a: Tensor, b: Double) -> BoolTensor { a .>= Tensor(b, dtype: a.dtype) }
  /// Where a equals a number.
  public static func .== (a: Tensor, b: Double) -> BoolTensor { a .== Tensor(b, dtype: a.dtype) }
  /// Where a differs from a number.
  public static func .!= (a: Tensor, b: Double) -> BoolTensor { a .!= Tensor(b, dtype: a.dtype) }

  /// Where elements are NaN.
  public var isNaN: BoolTensor { self .!= self }
  /// Where elements are finite: neither NaN nor infinite.
  public var isFinite: BoolTensor { abs() .< .infinity }

  /// `a` where `mask` is true, else `b`, all three with broadcasting.
  ///
  /// ```swift
  /// let y = Tensor.where(x .> 0, x.log(), .zeros([], dtype: x.dtype))
  /// ```
  /// This is a selection and not arithmetic, so an element that is not chosen has no effect on the
  /// value, even if it is NaN. It can have an effect on the derivative: if the slope of the side
  /// that is not chosen is infinite, the backward pass through that side computes 0 times infinity,
  /// which is NaN. To avoid this, replace the argument of that side before its function is applied.
  public static func `where`(_ mask: BoolTensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    expectSameDType("where", a, b)
    guard let pair = a.shape.broadcast(with: b.shape), let shape = pair.broadcast(with: mask.shape)
    else {
      callerMistake(
        "a mask of shape \(mask.shape) and tensors of shapes \(a.shape) and \(b.shape) cannot be "
          + "broadcast for where")
    }
    let (wideA, wideB) = withoutRecording { (a.broadcast(to: shape), b.broadcast(to: shape)) }
    let wideMask = mask.broadcast(to: shape)
    return Tensor(shape: shape, dtype: a.dtype) { out in
      wideMask.elements.withUnsafeBufferPointer { flags in
        flags.withMemoryRebound(to: UInt8.self) { bytes in
          let (base, a, b) = (bytes.baseAddress, wideA.storage, wideB.storage)
          switch out.dtype {
          case .float32: ck_select_f32(base, a.f32, b.f32, out.f32, out.count)
          case .float64: ck_select_f64(base, a.f64, b.f64, out.f64, out.count)
          }
        }
      }
    }.recorded(from: [a, b], choicePullback(wideMask, a.shape, b.shape))
  }

  /// The cotangents of both sides.
  ///
  /// The rule does not keep the tensors themselves alive.
  private static func choicePullback(
    _ mask: BoolTensor, _ first: Shape, _ second: Shape
  ) -> VectorJacobianProduct {
    { v, _, needs in
      let zero = Tensor(0, dtype: v.dtype)
      return [
        needs[0] ? Tensor.where(mask, v, zero).summed(to: first) : nil,
        needs[1] ? Tensor.where(mask, zero, v).summed(to: second) : nil,
      ]
    }
  }

  /// `a` where `mask` is true, else a number.
  public static func `where`(_ mask: BoolTensor, _ a: Tensor, _ b: Double) -> Tensor {
    .where(mask, a, Tensor(b, dtype: a.dtype))
  }
}
