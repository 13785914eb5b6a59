// Axes and parts: stacking, splitting, new axes, reversal, repetition, diagonals.

extension Tensor {
  /// The elements as one vector; shares them.
  public func flattened() -> Tensor { reshaped([count]) }

  /// An axis of extent 1, which becomes the one at `axis`; -1 puts it last.
  ///
  /// Shares the elements.
  public func expandedDimensions(at axis: Int) -> Tensor { reshaped(shape.inserting(1, at: axis)) }

  /// Without an axis of extent 1; shares the elements.
  ///
  /// Stops when its extent is another.
  public func squeezed(axis: Int) -> Tensor { reshaped(shape.removingUnitAxes([axis])) }

  /// Without some axes of extent 1; shares the elements.
  ///
  /// Stops when an extent is another.
  public func squeezed(axes: [Int]) -> Tensor { reshaped(shape.removingUnitAxes(axes)) }

  /// Without all axes of extent 1; shares the elements.
  ///
  /// In a program that meets batches of one sample, name the axes instead.
  public func squeezed() -> Tensor { squeezed(axes: (0..<rank).filter { shape[$0] == 1 }) }

  /// Two axes in each other's place.
  public func swappedAxes(_ first: Int, _ second: Int) -> Tensor {
    var order = Array(0..<rank)
    order.swapAt(shape.resolve(first), shape.resolve(second))
    return permuted(order)
  }

  /// One axis in another place, the others in their order.
  public func movedAxis(from source: Int, to destination: Int) -> Tensor {
    var order = Array(0..<rank)
    order.insert(order.remove(at: shape.resolve(source)), at: shape.resolve(destination))
    return permuted(order)
  }

  /// Tensors of one shape along a new axis.
  ///
  /// - Parameters:
  ///   - parts: one tensor at least.
  ///   - axis: of the result; -1 is its last. Default 0.
  /// - Returns: one axis more, of extent `parts.count`.
  public static func stacked(_ parts: [Tensor], alongAxis axis: Int = 0) -> Tensor {
    concatenated(parts.map { $0.expandedDimensions(at: axis) }, alongAxis: axis)
  }

  /// An axis in parts of equal extent.
  ///
  /// Stops when the extent is no multiple of `parts`.
  public func split(parts: Int, alongAxis axis: Int = 0) -> [Tensor] {
    let extent = shape[axis]
    expect(
      parts > 0 && extent % parts == 0,
      "axis \(axis) of \(shape) cannot be split into \(parts) equal parts")
    return split(extents: [Int](repeating: extent / parts, count: parts), alongAxis: axis)
  }

  /// An axis in parts of the given extents.
  ///
  /// Stops unless their sum is that of the axis.
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

  /// An axis in reverse order.
  public func flipped(alongAxis axis: Int) -> Tensor {
    read(StridedView(of: shape).flipped(shape.resolve(axis)))
  }

  /// An axis moved round: what leaves it at the end comes in at its beginning.
  ///
  /// - Parameters:
  ///   - shift: by how many positions; negative ones go towards the beginning.
  ///   - axis: negative counts from the end.
  /// - Returns: a tensor of this shape.
  public func rolled(by shift: Int, alongAxis axis: Int) -> Tensor {
    let extent = shape[axis]
    guard extent > 0 else { return self }
    let first = ((-shift % extent) + extent) % extent
    return .concatenated(
      [slice(first..<extent, alongAxis: axis), slice(0..<first, alongAxis: axis)],
      alongAxis: axis)
  }

  /// Every position of an axis `times` times, one after the other.
  public func repeated(_ times: Int, alongAxis axis: Int) -> Tensor {
    let axis = shape.resolve(axis)
    var repeated = shape
    repeated[axis] *= times
    return expandedDimensions(at: axis + 1)
      .broadcast(to: shape.prefix(axis + 1) + [times] + shape.suffix(from: axis + 1))
      .reshaped(repeated)
  }

  /// The whole tensor several times along each axis.
  ///
  /// - Parameter times: one number for each of the last axes, or more than there are axes.
  /// - Returns: of at least `times.count` axes.
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
  ///   - first: default 0.
  ///   - second: default 1; of the same extent.
  /// - Returns: one axis less.
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
