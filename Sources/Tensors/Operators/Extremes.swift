import CKernels

private let maximumKernel = BinaryKernel(f32: ck_maximum_f32, f64: ck_maximum_f64)
private let minimumKernel = BinaryKernel(f32: ck_minimum_f32, f64: ck_minimum_f64)
private let shareKernel = BinaryKernel(f32: ck_larger_share_f32, f64: ck_larger_share_f64)

// Maxima and minima: of two tensors elementwise, and along axes.

extension Tensor {
  /// The larger of a and b elementwise, with broadcasting; NaN where either is NaN.
  ///
  /// The larger one has the derivative 1; where they are equal, each has 1/2, as in PyTorch and JAX.
  public static func maximum(_ a: Tensor, _ b: Tensor) -> Tensor {
    broadcasting("maximum", maximumKernel, a, b).recorded(
      from: [a, b], { v, _, needs in sharing(v, a, b, larger: a, smaller: b, needs) })
  }

  /// The smaller of a and b elementwise, with broadcasting; NaN where either is NaN.
  ///
  /// The smaller one has the derivative 1; where they are equal, each has 1/2, as in PyTorch and JAX.
  public static func minimum(_ a: Tensor, _ b: Tensor) -> Tensor {
    broadcasting("minimum", minimumKernel, a, b).recorded(
      from: [a, b], { v, _, needs in sharing(v, a, b, larger: b, smaller: a, needs) })
  }

  /// The larger of an element and a number.
  public static func maximum(_ a: Tensor, _ b: Double) -> Tensor {
    maximum(a, Tensor(b, dtype: a.dtype))
  }

  /// The smaller of an element and a number.
  public static func minimum(_ a: Tensor, _ b: Double) -> Tensor {
    minimum(a, Tensor(b, dtype: a.dtype))
  }

  /// The shares of a and b in the cotangent: 1 for the larger and 0 for the other; 1/2 each where
  /// they are equal.
  private static func sharing(
    _ v: Tensor, _ a: Tensor, _ b: Tensor, larger: Tensor, smaller: Tensor, _ needs: Needs
  ) -> [Tensor?] {
    let share = broadcasting("maximum", shareKernel, larger, smaller)
    return [
      needs[0] ? (v * share).summed(to: a.shape) : nil,
      needs[1] ? (v * (1 - share)).summed(to: b.shape) : nil,
    ]
  }

  /// The elements, moved to the nearer bound where they lie outside of a range; NaN stays NaN.
  ///
  /// The derivative is 1 within the range and on its bounds, 0 beyond them.
  public func clamped(to range: ClosedRange<Double>) -> Tensor {
    clamped(range.lowerBound, range.upperBound)
  }
  /// The elements, raised to the bound of a range where they lie below it; NaN stays NaN.
  public func clamped(to range: PartialRangeFrom<Double>) -> Tensor {
    clamped(range.lowerBound, .infinity)
  }
  /// The elements, lowered to the bound of a range where they lie above it; NaN stays NaN.
  public func clamped(to range: PartialRangeThrough<Double>) -> Tensor {
    clamped(-.infinity, range.upperBound)
  }

  private func clamped(_ low: Double, _ high: Double) -> Tensor {
    Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_clamp_f32(storage.f32, Float(low), Float(high), out.f32, count)
      case .float64: ck_clamp_f64(storage.f64, low, high, out.f64, count)
      }
    }.recorded(from: [self], { v, _, _ in [v * isInside(low, high)] })
  }

  /// 1 where an element lies within the bounds, else 0.
  private func isInside(_ low: Double, _ high: Double) -> Tensor {
    Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_inside_f32(storage.f32, Float(low), Float(high), out.f32, count)
      case .float64: ck_inside_f64(storage.f64, low, high, out.f64, count)
      }
    }
  }

  /// The position of the largest element along an axis; of equal ones the first.
  ///
  /// If there are NaNs, the first NaN.
  ///
  /// - Parameters:
  ///   - axis: the axis, which may not be empty; negative counts from the end.
  ///   - keepingAxis: whether the axis stays, with extent 1; default false.
  /// - Returns: positions, not recorded.
  public func argmax(alongAxis axis: Int, keepingAxis: Bool = false) -> IntTensor {
    extremes(1, axis, keepingAxis)
  }

  /// The position of the smallest element along an axis; see `argmax`.
  public func argmin(alongAxis axis: Int, keepingAxis: Bool = false) -> IntTensor {
    extremes(-1, axis, keepingAxis)
  }

  private func extremes(_ sign: Double, _ axis: Int, _ keepingAxis: Bool) -> IntTensor {
    let axis = shape.resolve(axis)
    let (before, after) = (shape.prefix(axis), shape.suffix(from: axis + 1))
    let (outer, inner) = (before.elementCount, after.elementCount)
    let result = keepingAxis ? before + [1] + after : before + after
    expect(
      shape[axis] > 0 || outer * inner == 0,
      "axis \(axis) of \(shape) is empty and has no largest element")
    guard outer * inner > 0 else { return IntTensor(elements: [], shape: result) }
    let positions = [Int32](unsafeUninitializedCapacity: outer * inner) { buffer, initialized in
      switch dtype {
      case .float32:
        ck_arg_extreme_f32(
          storage.f32, Float(sign), buffer.baseAddress, outer, shape[axis], inner)
      case .float64:
        ck_arg_extreme_f64(storage.f64, sign, buffer.baseAddress, outer, shape[axis], inner)
      }
      initialized = outer * inner
    }
    return IntTensor(elements: positions, shape: result)
  }

  /// The largest element along an axis; NaN if any element is NaN.
  ///
  /// Where several elements are equal to it, the first one gets the whole derivative.
  ///
  /// - Parameters:
  ///   - axis: the axis, which may not be empty; negative counts from the end.
  ///   - keepingAxis: whether the axis stays, with extent 1; default false.
  /// - Returns: the largest elements; `argmax` has their positions.
  public func max(alongAxis axis: Int, keepingAxis: Bool = false) -> Tensor {
    let largest = elements(at: argmax(alongAxis: axis, keepingAxis: true), alongAxis: axis)
    return keepingAxis ? largest : largest.squeezed(axis: axis)
  }

  /// The smallest element along an axis; see `max(alongAxis:keepingAxis:)`.
  public func min(alongAxis axis: Int, keepingAxis: Bool = false) -> Tensor {
    let smallest = elements(at: argmin(alongAxis: axis, keepingAxis: true), alongAxis: axis)
    return keepingAxis ? smallest : smallest.squeezed(axis: axis)
  }

  /// The largest element along several axes; of equal ones the first gets the derivative.
  public func max(alongAxes axes: [Int], keepingAxes: Bool = false) -> Tensor {
    mergingLast(axes, keepingAxes) { $0.max(alongAxis: -1) }
  }

  /// The smallest element along several axes; of equal ones the first gets the derivative.
  public func min(alongAxes axes: [Int], keepingAxes: Bool = false) -> Tensor {
    mergingLast(axes, keepingAxes) { $0.min(alongAxis: -1) }
  }

  /// The largest element, a scalar; of equal ones the first gets the derivative.
  public func max() -> Tensor { flattened().max(alongAxis: 0) }

  /// The smallest element, a scalar; of equal ones the first gets the derivative.
  public func min() -> Tensor { flattened().min(alongAxis: 0) }

  /// The result of `reduce` for several axes, which are first merged into the last one.
  func mergingLast(_ axes: [Int], _ keepingAxes: Bool, _ reduce: (Tensor) -> Tensor) -> Tensor {
    let reduced = shape.resolve(axes)
    let others = (0..<rank).filter { !reduced.contains($0) }
    let left = Shape(others.map { shape[$0] })
    let size = reduced.reduce(1) { $0 * shape[$1] }
    let result = reduce(permuted(others + reduced).reshaped(left + [size]))
    guard keepingAxes else { return result }
    return result.reshaped(Shape((0..<rank).map { reduced.contains($0) ? 1 : shape[$0] }))
  }
}
