import CKernels

// Sorting and running sums.

extension Tensor {
  /// The positions that sort an axis; equal elements keep their order, and NaN comes last.
  ///
  /// - Parameters:
  ///   - axis: the axis; negative counts from the end. Default the last.
  ///   - descending: whether the largest element comes first; default false. If true, NaN comes
  ///     first.
  /// - Returns: positions of this shape, not recorded.
  public func argsort(alongAxis axis: Int = -1, descending: Bool = false) -> IntTensor {
    let axis = shape.resolve(axis)
    let (extent, inner) = (shape[axis], shape.suffix(from: axis + 1).elementCount)
    let numbers = scalars
    var positions = [Int32](repeating: 0, count: count)
    let precedes = { (a: Double, b: Double) -> Bool in a < b || (b.isNaN && !a.isNaN) }
    for line in 0..<(extent == 0 ? 0 : count / extent) {
      let start = line / inner * extent * inner + line % inner
      let sorted = (0..<extent).sorted { left, right in
        let (a, b) = (numbers[start + left * inner], numbers[start + right * inner])
        if descending ? precedes(b, a) : precedes(a, b) { return true }
        if descending ? precedes(a, b) : precedes(b, a) { return false }
        return left < right
      }
      for (place, position) in sorted.enumerated() {
        positions[start + place * inner] = Int32(position)
      }
    }
    return IntTensor(elements: positions, shape: shape)
  }

  /// The elements sorted along an axis; NaN comes last.
  ///
  /// The cotangent of each element goes back to the place it came from. The order itself has no
  /// derivative, because it is constant near almost every point.
  ///
  /// - Parameters:
  ///   - axis: the axis; negative counts from the end. Default the last.
  ///   - descending: whether the largest element comes first; default false. If true, NaN comes
  ///     first.
  /// - Returns: a tensor of this shape; `argsort` gives the positions.
  public func sorted(alongAxis axis: Int = -1, descending: Bool = false) -> Tensor {
    elements(at: argsort(alongAxis: axis, descending: descending), alongAxis: axis)
  }

  /// The largest elements along an axis, from large to small, and where they are.
  ///
  /// - Parameters:
  ///   - count: the number of elements, at most the extent of the axis.
  ///   - axis: the axis; negative counts from the end. Default the last.
  /// - Returns: values and positions, with the extent `count` along the axis. No derivative goes
  ///   through the positions.
  /// - Complexity: that of sorting.
  public func topK(_ count: Int, alongAxis axis: Int = -1) -> (values: Tensor, positions: IntTensor)
  {
    let axis = shape.resolve(axis)
    expect(
      count >= 0 && count <= shape[axis],
      "axis \(axis) of \(shape) has no \(count) largest elements")
    let whole = [AxisSelection](repeating: .all, count: axis)
    let plan = IndexPlan(whole + [.stride(to: count)], of: shape)
    let positions = argsort(alongAxis: axis, descending: true).read(plan.view)
    return (elements(at: positions, alongAxis: axis), positions)
  }

  /// Running sums along an axis: each element is replaced by the sum of all elements up to and
  /// including it.
  ///
  /// - Parameters:
  ///   - axis: the axis; negative counts from the end.
  ///   - reversed: whether the sums run from each element to the end instead; default false.
  /// - Returns: a tensor of this shape.
  public func cumulativeSum(alongAxis axis: Int, reversed: Bool = false) -> Tensor {
    let axis = shape.resolve(axis)
    let (outer, inner) = (
      shape.prefix(axis).elementCount, shape.suffix(from: axis + 1).elementCount
    )
    let (extent, backwards) = (shape[axis], Int32(reversed ? 1 : 0))
    return Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32:
        ck_cumulative_sum_f32(storage.f32, out.f32, outer, extent, inner, backwards)
      case .float64:
        ck_cumulative_sum_f64(storage.f64, out.f64, outer, extent, inner, backwards)
      }
    }.recorded(
      from: [self], { v, _, _ in [v.cumulativeSum(alongAxis: axis, reversed: !reversed)] })
  }
}
