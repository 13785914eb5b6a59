// Functions that move the elements of discrete tensors. Each does what the function of the same
// name does for `Tensor`.

extension DiscreteTensor {
  /// The elements that a view selects.
  func read(_ view: StridedView) -> Self {
    if view.isAll(of: shape) { return self }
    var result: [Element] = []
    result.reserveCapacity(view.shape.elementCount)
    view.forEachRun { offset, count, step in
      for index in 0..<count { result.append(elements[offset + index * step]) }
    }
    return Self(elements: result, shape: view.shape)
  }

  /// The same elements in the same order under another shape.
  ///
  /// Stops when the element counts differ.
  public func reshaped(_ shape: Shape) -> Self {
    expect(
      shape.elementCount == count,
      "\(self.shape) has \(count) elements and cannot be reshaped to \(shape), which has "
        + "\(shape.elementCount)")
    return Self(elements: elements, shape: shape)
  }

  /// The same elements in the same order under a shape in which one extent may be -1.
  ///
  /// That extent is then computed from the number of elements and the other extents.
  ///
  /// Stops when the element counts differ, when more than one extent is -1, or when the extent for
  /// -1 is not a whole number or not determined.
  public func reshaped(_ extents: [Int]) -> Self { reshaped(shape.reshaped(extents)) }

  /// The elements as one vector.
  public func flattened() -> Self { reshaped([count]) }

  /// The axes in another order: axis i of the result is axis `order[i]` of this tensor.
  public func permuted(_ order: [Int]) -> Self { read(StridedView(of: shape).permuted(order)) }

  /// The last two axes swapped.
  public func transposed() -> Self {
    expect(rank >= 2, "a tensor of shape \(shape) has no two axes to swap")
    return permuted(Array(0..<rank - 2) + [rank - 1, rank - 2])
  }

  /// This tensor stretched to a larger shape: axes are aligned at the end, and extents of 1 are
  /// repeated.
  public func broadcast(to shape: Shape) -> Self {
    read(StridedView(of: self.shape).broadcast(to: shape))
  }

  /// The same elements with a new axis of extent 1 at the given position; -1 puts it last.
  public func expandedDimensions(at axis: Int) -> Self {
    reshaped(shape.inserting(1, at: axis))
  }

  /// The same elements without the given axis, whose extent must be 1.
  public func squeezed(axis: Int) -> Self { reshaped(shape.removingUnitAxes([axis])) }

  /// The axis in reverse order.
  public func flipped(alongAxis axis: Int) -> Self {
    read(StridedView(of: shape).flipped(shape.resolve(axis)))
  }

  /// Tensors joined along an axis; their other extents agree.
  public static func concatenated(_ parts: [Self], alongAxis axis: Int = 0) -> Self {
    guard let first = parts.first else {
      callerMistake("there is nothing to concatenate: the list of tensors is empty")
    }
    let axis = first.shape.resolve(axis)
    var result = first.shape
    result[axis] = 0
    for part in parts {
      var others = part.shape
      if part.rank == first.rank { others[axis] = first.shape[axis] }
      expect(
        others == first.shape,
        "cannot concatenate \(first.shape) and \(part.shape) along axis \(axis)")
      result[axis] += part.shape[axis]
    }
    var elements: [Element] = []
    elements.reserveCapacity(result.elementCount)
    for block in 0..<result.prefix(axis).elementCount {
      for part in parts {
        let run = part.shape.suffix(from: axis).elementCount
        elements += part.elements[block * run..<(block + 1) * run]
      }
    }
    return Self(elements: elements, shape: result)
  }

  /// Tensors of the same shape, joined along a new axis.
  public static func stacked(_ parts: [Self], alongAxis axis: Int = 0) -> Self {
    concatenated(parts.map { $0.expandedDimensions(at: axis) }, alongAxis: axis)
  }

  /// f of the elements of two tensors, with broadcasting.
  static func zipped<Other: DiscreteElement, Result: DiscreteElement>(
    _ name: StaticString, _ a: Self, _ b: DiscreteTensor<Other>, _ f: (Element, Other) -> Result
  ) -> DiscreteTensor<Result> {
    guard let shape = a.shape.broadcast(with: b.shape) else {
      callerMistake("shapes \(a.shape) and \(b.shape) cannot be broadcast for \(name)")
    }
    let (a, b) = (a.broadcast(to: shape), b.broadcast(to: shape))
    return DiscreteTensor<Result>(
      elements: zip(a.elements, b.elements).map { f($0, $1) }, shape: shape)
  }

  /// f of each element.
  func mapped<Result: DiscreteElement>(_ f: (Element) -> Result) -> DiscreteTensor<Result> {
    DiscreteTensor<Result>(elements: elements.map(f), shape: shape)
  }

  /// The results of `f` for the elements along each line of an axis.
  func folded<Result: DiscreteElement>(
    alongAxis axis: Int, _ f: ([Element]) -> Result
  ) -> DiscreteTensor<Result> {
    let axis = shape.resolve(axis)
    let inner = shape.suffix(from: axis + 1).elementCount
    let reduced = shape.prefix(axis) + shape.suffix(from: axis + 1)
    let extent = shape[axis]
    let results = (0..<reduced.elementCount).map { line -> Result in
      let start = line / inner * extent * inner + line % inner
      return f((0..<extent).map { elements[start + $0 * inner] })
    }
    return DiscreteTensor<Result>(elements: results, shape: reduced)
  }
}
