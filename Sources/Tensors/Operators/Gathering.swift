import CKernels

// Selecting elements by positions that a tensor holds, and the transpose: adding elements up by
// position.

extension Tensor {
  /// The parts of this tensor at the given positions of an axis, in the order of the positions.
  ///
  /// ```swift
  /// table.gathered([[2, 0], [2, 1]], alongAxis: 0)   // of [3, 8]: [2, 2, 8]
  /// ```
  /// - Parameters:
  ///   - positions: a tensor of any shape; negative ones count from the end. If a position occurs
  ///     several times, the cotangents of its copies are added.
  ///   - axis: the axis that the positions index; default 0.
  /// - Returns: a tensor of this shape in which the axis is replaced by the shape of `positions`.
  ///
  /// Stops when a position does not exist in the axis.
  public func gathered(_ positions: IntTensor, alongAxis axis: Int = 0) -> Tensor {
    let axis = shape.resolve(axis)
    let extent = shape[axis]
    let ids = positions.resolved(extent: extent, "axis \(axis) of \(shape)")
    let (before, after) = (shape.prefix(axis), shape.suffix(from: axis + 1))
    let (outer, inner) = (before.elementCount, after.elementCount)
    return Tensor(shape: before + ids.shape + after, dtype: dtype) { out in
      guard out.count > 0 else { return }
      for block in 0..<outer {
        let (from, to) = (block * extent * inner, block * ids.count * inner)
        switch dtype {
        case .float32:
          ck_gather_rows_f32(storage.f32 + from, ids.elements, out.f32 + to, ids.count, inner)
        case .float64:
          ck_gather_rows_f64(storage.f64 + from, ids.elements, out.f64 + to, ids.count, inner)
        }
      }
    }.recorded(
      from: [self],
      { v, _, _ in [v.summedByPosition(ids, alongAxis: axis, extent: extent)] })
  }

  /// The transpose of `gathered`: parts with the same position p are added up at position p of a
  /// new axis.
  ///
  /// - Parameters:
  ///   - positions: the position of each part; its shape is that of the axes of this tensor that it
  ///     replaces, from `axis` on.
  ///   - axis: the first of the axes that are replaced; default 0.
  ///   - extent: the extent of the new axis.
  /// - Returns: a tensor of this shape with one axis of that extent instead of the axes of
  ///   `positions`.
  ///
  /// Stops when a position does not exist or the shapes do not fit.
  public func summedByPosition(
    _ positions: IntTensor, alongAxis axis: Int = 0, extent: Int
  ) -> Tensor {
    let axis = axis < 0 ? axis + rank : axis
    let (before, rest) = (shape.prefix(axis), shape.suffix(from: axis))
    expect(
      axis >= 0 && rest.prefix(positions.rank) == positions.shape && rest.rank >= positions.rank,
      "positions of shape \(positions.shape) do not fit the axes \(rest) of \(shape)")
    let ids = positions.resolved(extent: extent, "an axis of the result")
    let after = rest.suffix(from: positions.rank)
    let (outer, inner) = (before.elementCount, after.elementCount)
    return Tensor(shape: before + [extent] + after, dtype: dtype) { sums in
      sums.clear()
      for block in 0..<outer {
        let (from, to) = (block * ids.count * inner, block * extent * inner)
        switch dtype {
        case .float32:
          ck_scatter_add_rows_f32(
            storage.f32 + from, ids.elements, sums.f32 + to, ids.count, inner)
        case .float64:
          ck_scatter_add_rows_f64(
            storage.f64 + from, ids.elements, sums.f64 + to, ids.count, inner)
        }
      }
    }.recorded(from: [self], { v, _, _ in [v.gathered(ids, alongAxis: axis)] })
  }

  /// The elements that `positions` names along an axis, one for each position: each line of
  /// `positions` selects from the same line of this tensor.
  ///
  /// ```swift
  /// logits.elements(at: classes.expandedDimensions(at: -1), alongAxis: -1)
  /// x.elements(at: x.argsort(alongAxis: 1), alongAxis: 1)   // sorted
  /// ```
  /// - Parameters:
  ///   - positions: a tensor of the same rank, with the same extents along the other axes.
  ///   - axis: the axis; negative counts from the end.
  /// - Returns: a tensor of the shape of `positions`.
  ///
  /// Stops when a position does not exist or the shapes do not fit.
  public func elements(at positions: IntTensor, alongAxis axis: Int) -> Tensor {
    let axis = shape.resolve(axis)
    var expected = shape
    if positions.rank == rank { expected[axis] = positions.shape[axis] }
    expect(
      positions.shape == expected,
      "positions of shape \(positions.shape) do not fit \(shape) along axis \(axis): the other extents "
        + "have to be equal")
    let (extent, length) = (shape[axis], positions.shape[axis])
    let ids = positions.resolved(extent: extent, "axis \(axis) of \(shape)")
    let inner = shape.suffix(from: axis + 1).elementCount
    let flat = ids.elements.enumerated().map { index, position in
      (index / inner / length * extent + Int(position)) * inner + index % inner
    }
    return reshaped([count]).gathered(IntTensor(flat, shape: positions.shape))
  }

  /// The rows of this table [entries, width] with the given ids.
  ///
  /// - Parameter ids: row numbers, a tensor of any shape, for example [batch, length].
  /// - Returns: a tensor of the shape of `ids` followed by the width.
  ///
  /// Stops when an id does not exist.
  public func rows(_ ids: IntTensor) -> Tensor {
    expect(rank == 2, "rows needs a table [entries, width], not \(shape)")
    return gathered(ids)
  }
}

extension Storage {
  /// Writes zeros; allowed only while no other reference to this storage exists.
  func clear() {
    base.initializeMemory(as: UInt8.self, repeating: 0, count: count * dtype.byteCount)
  }
}
