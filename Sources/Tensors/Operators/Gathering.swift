import CKernels

// Elements at positions that a tensor holds, and their transpose, the sum of elements by position.

extension Tensor {
  /// The parts of an axis at the given positions, in their order.
  ///
  /// ```swift
  /// table.gathered([[2, 0], [2, 1]], alongAxis: 0)   // of [3, 8]: [2, 2, 8]
  /// ```
  /// - Parameters:
  ///   - positions: of any shape; negative ones count from the end. The cotangents of a position that
  ///     occurs several times add.
  ///   - axis: default 0.
  /// - Returns: this shape, with the shape of `positions` instead of the axis.
  ///
  /// Stops when a position does not exist.
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

  /// The transpose of `gathered`: what has position p along the axis, or axes, of `positions` is added up
  /// at p of an axis of the given extent.
  ///
  /// - Parameters:
  ///   - positions: its shape is that of this tensor's axes from `axis` on.
  ///   - axis: default 0.
  ///   - extent: of the axis of the result.
  /// - Returns: this shape, with one axis of that extent instead of those of `positions`.
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

  /// One element for each position: along every line of an axis, those that the same line of
  /// `positions` names.
  ///
  /// ```swift
  /// logits.elements(at: classes.expandedDimensions(at: -1), alongAxis: -1)
  /// x.elements(at: x.argsort(alongAxis: 1), alongAxis: 1)   // sorted
  /// ```
  /// - Parameters:
  ///   - positions: of this rank, with the same extents along the other axes.
  ///   - axis: negative counts from the end.
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
  /// - Parameter ids: of any shape, for example [batch, length].
  /// - Returns: the shape of `ids` + [width].
  ///
  /// Stops when an id does not exist.
  public func rows(_ ids: IntTensor) -> Tensor {
    expect(rank == 2, "rows needs a table [entries, width], not \(shape)")
    return gathered(ids)
  }
}

extension Storage {
  /// Writes zeros, while nothing else can see self.
  func clear() {
    base.initializeMemory(as: UInt8.self, repeating: 0, count: count * dtype.byteCount)
  }
}
