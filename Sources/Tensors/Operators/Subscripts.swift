// Subscripts of tensors, and tensors in which parts are replaced.

extension Tensor {
  /// The part that the indices select; see `TensorIndex`.
  ///
  /// ```swift
  /// let last = x[-1]              // of [3, 4]: [4]
  /// let column = x[..., 0]        // [3]
  /// x[0..<2] = Tensor.zeros([4])  // the same as x = x.updating([0..<2], with: ...)
  /// ```
  /// Both the getter and the setter are differentiable. The setter replaces x by an updated tensor;
  /// tensors are values, so other copies of x stay as they are. The new value is stretched to the
  /// shape of the part.
  ///
  /// Stops when an index does not exist.
  /// - Complexity: the getter copies the part; the setter copies the whole tensor.
  public subscript(indices: any TensorIndex...) -> Tensor {
    get { selecting(indices) }
    set { self = updating(indices, with: newValue) }
  }

  /// `x[...]`: the tensor itself.
  public subscript(_: UnboundedRange) -> Tensor {
    get { self }
    set { self = updating([.ellipsis], with: newValue) }
  }

  /// `x[..., 0]`: as many whole axes as are not mentioned, and an index of the last ones.
  public subscript(_: UnboundedRange, indices: any TensorIndex...) -> Tensor {
    get { selecting([.ellipsis] + indices) }
    set { self = updating([.ellipsis] + indices, with: newValue) }
  }

  /// `x[0, ..., 1]`: as many whole axes as are not mentioned, between the indices.
  public subscript(
    first: any TensorIndex, _: UnboundedRange, indices: any TensorIndex...
  ) -> Tensor {
    get { selecting([first, .ellipsis] + indices) }
    set { self = updating([first, .ellipsis] + indices, with: newValue) }
  }

  /// The part that a list of indices selects: a subscript for indices that are computed.
  public func selecting(_ indices: [any TensorIndex]) -> Tensor {
    let plan = IndexPlan(indices, of: shape)
    let part = read(plan.view)
    guard let positions = plan.positions else { return part }
    return part.reshaped(plan.merged).gathered(positions, alongAxis: plan.axis)
  }

  /// This tensor with the part that the indices select replaced.
  ///
  /// ```swift
  /// let y = x.updating([.ellipsis, 0], with: column)
  /// ```
  /// - Parameters:
  ///   - indices: the indices, as in a subscript.
  ///   - values: the new elements, stretched to the shape of the part.
  /// - Returns: a tensor of this shape.
  ///
  /// Stops when an index does not exist, an element would be replaced twice, or the shapes do not fit.
  public func updating(_ indices: [any TensorIndex], with values: Tensor) -> Tensor {
    let plan = IndexPlan(indices, of: shape)
    let values = values.stretched(to: plan.shape, of: shape)
    guard plan.positions != nil else { return writing(values, to: plan.view) }
    return reshaped([count]).replacing(
      plan.places(in: shape).map(Int.init), values.reshaped([values.count])
    ).reshaped(shape)
  }

  /// This tensor with values added to the part that the indices select.
  ///
  /// If an element is selected several times, all of its values are added.
  ///
  /// - Parameters:
  ///   - indices: the indices, as in a subscript.
  ///   - values: the summands, stretched to the shape of the part.
  /// - Returns: a tensor of this shape.
  ///
  /// Stops when an index does not exist or the shapes do not fit.
  public func updating(_ indices: [any TensorIndex], adding values: Tensor) -> Tensor {
    let plan = IndexPlan(indices, of: shape)
    expectSameDType("updating", self, values)
    let values = values.stretched(to: plan.shape, of: shape)
    guard plan.positions != nil else {
      return self + Tensor.zeros(shape, dtype: dtype).writing(values, to: plan.view)
    }
    let places = IntTensor(elements: plan.places(in: shape), shape: [values.count])
    return self
      + values.reshaped([values.count]).summedByPosition(places, extent: count).reshaped(shape)
  }

  private func stretched(to part: Shape, of whole: Shape) -> Tensor {
    expect(
      shape.broadcast(with: part) == part,
      "values of shape \(shape) do not fit the part \(part) of \(whole) that is updated")
    return broadcast(to: part)
  }
}

extension IndexPlan {
  /// The places of the selected elements in the tensor, in the order of the selection.
  func places(in whole: Shape) -> [Int32] {
    let all = IntTensor(elements: Array(0..<Int32(scalar: whole.elementCount)), shape: whole)
    let part = all.read(view)
    guard let positions else { return part.elements }
    let inner = merged.suffix(from: axis + 1).elementCount
    let extent = merged[axis]
    return (0..<merged.prefix(axis).elementCount).flatMap { block in
      positions.elements.flatMap { position -> ArraySlice<Int32> in
        let start = (block * extent + Int(position)) * inner
        return part.elements[start..<start + inner]
      }
    }
  }
}

extension DiscreteTensor {
  /// The part that the indices select; see `TensorIndex`.
  ///
  /// Stops when an index does not exist.
  public subscript(indices: any TensorIndex...) -> Self {
    let plan = IndexPlan(indices, of: shape)
    return Self(
      elements: plan.places(in: shape).map { elements[Int($0)] }, shape: plan.shape)
  }

  /// `x[..., 0]`: as many whole axes as are not mentioned, and an index of the last ones.
  public subscript(_: UnboundedRange, indices: any TensorIndex...) -> Self {
    let plan = IndexPlan([.ellipsis] + indices, of: shape)
    return Self(
      elements: plan.places(in: shape).map { elements[Int($0)] }, shape: plan.shape)
  }

  /// This tensor with the part that the indices select replaced by one value.
  public func updating(_ indices: [any TensorIndex], with value: Element.Scalar) -> Self {
    var result = elements
    for place in IndexPlan(indices, of: shape).places(in: shape) {
      result[Int(place)] = Element(scalar: value)
    }
    return Self(elements: result, shape: shape)
  }
}
