// Functions that arrange axes and parts: stacking, splitting, new axes, reversal, repetition,
// diagonals.

extension Tensor {
  /// The elements as one vector, which shares them with this tensor.
  public func flattened() -> Tensor { reshaped([count]) }

  /// The same elements with a new axis of extent 1 at position `axis`; -1 puts it last.
  ///
  /// The result shares the elements.
  public func expandedDimensions(at axis: Int) -> Tensor { reshaped(shape.inserting(1, at: axis)) }

  /// The same elements, shared, without an axis of extent 1.
  ///
  /// Stops when the axis has another extent.
  public func squeezed(axis: Int) -> Tensor { reshaped(shape.removingUnitAxes([axis])) }

  /// The same elements, shared, without some axes of extent 1.
  ///
  /// Stops when one of the axes has another extent.
  public func squeezed(axes: [Int]) -> Tensor { reshaped(shape.removingUnitAxes(axes)) }

  /// The same elements, shared, without any axis of extent 1.
  ///
  /// A batch of one sample would lose its batch axis: name the axes where that can happen.
  public func squeezed() -> Tensor { squeezed(axes: (0..<rank).filter { shape[$0] == 1 }) }

  /// The tensor with two axes exchanged.
  public func swappedAxes(_ first: Int, _ second: Int) -> Tensor {
    var order = Array(0..<rank)
    order.swapAt(shape.resolve(first), shape.resolve(second))
    return permuted(order)
  }

  /// The tensor with one axis moved to another position; the other axes keep their order.
  public func movedAxis(from source: Int, to destination: Int) -> Tensor {
    var order = Array(0..<rank)
    order.insert(order.remove(at: shape.resolve(source)), at: shape.resolve(destination))
    return permuted(order)
  }

  /// Tensors of the same shape, joined along a new axis.
  ///
  /// - Parameters:
  ///   - parts: the tensors, at least one.
  ///   - axis: the position of the new axis in the result; -1 is its last. Default 0.
  /// - Returns: a tensor with one more axis, of extent `parts.count`.
  public static func stacked(_ parts: [Tensor], alongAxis axis: Int = 0) -> Tensor {
    concatenated(parts.map { $0.expandedDimensions(at: axis) }, alongAxis: axis)
  }

  /// The tensor cut along an axis into parts of equal extent.
  ///
  /// Stops when the extent is not a multiple of `parts`.
  public func split(parts: Int, alongAxis axis: Int = 0) -> [Tensor] {
    let extent = shape[axis]
    expect(
      parts > 0 && extent % parts == 0,
      "axis \(axis) of \(shape) cannot be split into \(parts) equal parts")
    return split(extents: [Int](repeating: extent / parts, count: parts), alongAxis: axis)
  }

  /// The tensor cut along an axis into parts of the given extents.
  ///
  /// Stops unless the extents add up to that of the axis.
  public func split(extents: [Int], alongAxis axis: Int = 0) -> [Tensor] {
    expect(
      extents.reduce(0, +) == shape[axis] && extents.allSatisfy { $0 >= 0 },
      "axis \(axis) of \(shape) cannot be split into parts of the extents \(extents)")
    var start = 0
    return extents.map { extent in
      defer { start += extent }
      return slice(start..<start + extent, alongAxis: axis)
    }
  }

  /// The tensor with an axis in reverse order.
  public func flipped(alongAxis axis: Int) -> Tensor {
    read(StridedView(of: shape).flipped(shape.resolve(axis)))
  }

  /// The tensor shifted cyclically along an axis: elements that leave it at the end come in at its
  /// beginning.
  ///
  /// - Parameters:
  ///   - shift: the number of positions; a negative one shifts towards the beginning.
  ///   - axis: the axis; negative counts from the end.
  /// - Returns: a tensor of this shape.
  public func rolled(by shift: Int, alongAxis axis: Int) -> Tensor {
    let extent = shape[axis]
    guard extent > 0 else { return self }
    let first = ((-shift % extent) + extent) % extent
    return .concatenated(
      [slice(first..<extent, alongAxis: axis), slice(0..<first, alongAxis: axis)],
      alongAxis: axis)
  }

  /// The tensor with every position of an axis repeated `times` times, one after the other.
  public func repeated(_ times: Int, alongAxis axis: Int) -> Tensor {
    let axis = shape.resolve(axis)
    var repeated = shape
    repeated[axis] *= times
    return expandedDimensions(at: axis + 1)
      .broadcast(to: shape.prefix(axis + 1) + [times] + shape.suffix(from: axis + 1))
      .reshaped(repeated)
  }

  /// The whole tensor, repeated several times along each axis.
  ///
  /// - Parameter times: one number for each of the last axes; more numbers than axes add axes at
  ///   the front.
  /// - Returns: a tensor with at least `times.count` axes.
  public func tiled(_ times: [Int]) -> Tensor {
    let missing = [Int](repeating: 1, count: Swift.max(times.count - rank, 0))
    let extents = missing + shape.array
    let factors = [Int](repeating: 1, count: extents.count - times.count) + times
    var result = reshaped(Shape(extents))
    for (axis, factor) in factors.enumerated() where factor != 1 {
      let tiles = [Tensor](repeating: result, count: factor)
      result = .concatenated(
        [result.slice(0..<0, alongAxis: axis)] + tiles, alongAxis: axis)
    }
    return result
  }

  /// The elements whose positions along two axes are equal, as the last axis.
  ///
  /// - Parameters:
  ///   - first: the one axis; default 0.
  ///   - second: the other axis, of the same extent; default 1.
  /// - Returns: a tensor with one axis less.
  public func diagonal(_ first: Int = 0, _ second: Int = 1) -> Tensor {
    let axes = shape.resolve([first, second])
    expect(
      shape[axes[0]] == shape[axes[1]],
      "axes \(axes) of \(shape) have different extents and no diagonal")
    let view = StridedView(of: shape).diagonal(of: axes[0], axes[1])
    let order = (0..<view.shape.rank).filter { $0 != axes[0] } + [axes[0]]
    return read(view.permuted(order))
  }

  /// The elements of the last two axes on and below a diagonal, zeros above it.
  ///
  /// - Parameter diagonal: 0, the default, is the main one, 1 the one above it, -1 the one below.
  /// - Returns: a tensor of this shape.
  public func lowerTriangle(diagonal: Int = 0) -> Tensor { triangle { $1 - $0 <= diagonal } }

  /// The elements of the last two axes on and above a diagonal, zeros below it.
  ///
  /// - Parameter diagonal: 0, the default, is the main one, 1 the one above it, -1 the one below.
  /// - Returns: a tensor of this shape.
  public func upperTriangle(diagonal: Int = 0) -> Tensor { triangle { $1 - $0 >= diagonal } }

  private func triangle(_ isKept: (_ row: Int, _ column: Int) -> Bool) -> Tensor {
    expect(rank >= 2, "a tensor of shape \(shape) has no triangles")
    let (rows, columns) = (shape[-2], shape[-1])
    let flags = (0..<rows).flatMap { row in (0..<columns).map { isKept(row, $0) } }
    return .where(BoolTensor(elements: flags, shape: [rows, columns]), self, 0)
  }
}
