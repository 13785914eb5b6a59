import CKernels

// Operators that move elements: reshape, permute, broadcast, slice, concatenate, select.

extension Tensor {
  /// The same elements in the same order under another shape; the result shares them.
  ///
  /// Stops when the element counts differ.
  public func reshaped(_ shape: Shape) -> Tensor {
    if shape == self.shape { return self }
    expect(
      shape.elementCount == count,
      "\(self.shape) has \(count) elements and cannot be reshaped to \(shape), which has "
        + "\(shape.elementCount)")
    let before = self.shape
    return Tensor(storage, shape).recorded(from: [self], { v, _, _ in [v.reshaped(before)] })
  }

  /// The same elements in the same order under a shape in which one extent may be -1.
  ///
  /// That extent is then computed from the number of elements and the other extents. The result
  /// shares the elements.
  ///
  /// ```swift
  /// Tensor.zeros([2, 3, 4]).reshaped([2, -1]).shape   // [2, 12]
  /// ```
  /// Stops when the element counts differ, when more than one extent is -1, or when the extent for
  /// -1 is not a whole number or not determined.
  public func reshaped(_ extents: [Int]) -> Tensor { reshaped(shape.reshaped(extents)) }

  /// The axes in another order: axis i of the result is axis `order[i]` of this tensor.
  ///
  /// Where only axes of extent 1 change places, the elements are shared.
  public func permuted(_ order: [Int]) -> Tensor {
    expect(
      order.sorted() == Array(0..<rank),
      "\(order) is not an order of the \(rank) axes of \(shape)")
    var strides = [Int](repeating: 1, count: rank)
    for axis in (0..<Swift.max(rank - 1, 0)).reversed() {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let outShape = Shape(order.map { shape[$0] })
    let moving = order.filter { shape[$0] != 1 }
    if moving == moving.sorted() { return reshaped(outShape) }
    let inStrides = order.map { strides[$0] }
    let extents = outShape.array
    var inverse = order
    for (position, axis) in order.enumerated() { inverse[axis] = position }
    return Tensor(shape: outShape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_permute_copy_f32(storage.f32, out.f32, rank, extents, inStrides)
      case .float64: ck_permute_copy_f64(storage.f64, out.f64, rank, extents, inStrides)
      }
    }.recorded(from: [self], { v, _, _ in [v.permuted(inverse)] })
  }

  /// The last two axes swapped.
  public func transposed() -> Tensor {
    expect(rank >= 2, "a tensor of shape \(shape) has no two axes to swap")
    return permuted(Array(0..<rank - 2) + [rank - 1, rank - 2])
  }

  /// This tensor stretched to a larger shape: axes are aligned at the end, and extents of 1 are
  /// repeated.
  public func broadcast(to shape: Shape) -> Tensor {
    if shape == self.shape { return self }
    expect(
      self.shape.broadcast(with: shape) == shape,
      "\(self.shape) cannot be broadcast to \(shape)")
    let before = self.shape
    let runs = BroadcastRuns(of: [before], to: shape)
    return Tensor(shape: shape, dtype: dtype) { out in
      runs.forEach { outOffset, offsets in
        out.copy(
          from: storage, offset: offsets[0], step: runs.innerSteps[0], to: outOffset,
          count: runs.innerCount)
      }
    }.recorded(from: [self], { v, _, _ in [v.summed(to: before)] })
  }

  /// The part of an axis at the positions in `range`.
  public func slice(_ range: Range<Int>, alongAxis axis: Int = 0) -> Tensor {
    let axis = shape.resolve(axis)
    expect(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "the slice \(range) does not lie in axis \(axis) of \(shape)")
    if range == 0..<shape[axis] { return self }
    let outer = shape.prefix(axis).elementCount
    let inner = shape.suffix(from: axis + 1).elementCount
    let extent = shape[axis]
    var outShape = shape
    outShape[axis] = range.count
    return Tensor(shape: outShape, dtype: dtype) { out in
      for block in 0..<outer {
        out.copy(
          from: storage, offset: (block * extent + range.lowerBound) * inner,
          to: block * range.count * inner, count: range.count * inner)
      }
    }.recorded(
      from: [self],
      { v, _, _ in [v.padded(before: range.lowerBound, to: extent, alongAxis: axis)] })
  }

  /// This tensor with zeros around the elements of an axis; the transpose of `slice`.
  ///
  /// Along the axis, the result has `before` zeros, then the elements, and then zeros up to the
  /// extent `extent`.
  public func padded(before: Int, to extent: Int, alongAxis axis: Int) -> Tensor {
    let axis = shape.resolve(axis)
    let length = shape[axis]
    expect(
      before >= 0 && before + length <= extent,
      "axis \(axis) of \(shape) does not fit at \(before) into an extent of \(extent)")
    let outer = shape.prefix(axis).elementCount
    let inner = shape.suffix(from: axis + 1).elementCount
    var outShape = shape
    outShape[axis] = extent
    return Tensor(shape: outShape, dtype: dtype) { out in
      let zeroBits = { (from: Int, to: Int) in
        let size = inner * out.dtype.byteCount
        (out.base + from * size).initializeMemory(
          as: UInt8.self, repeating: 0, count: (to - from) * size)
        return
      }
      for block in 0..<outer {
        let start = block * extent
        zeroBits(start, start + before)
        out.copy(
          from: storage, offset: block * length * inner, to: (start + before) * inner,
          count: length * inner)
        zeroBits(start + before + length, start + extent)
      }
    }.recorded(
      from: [self], { v, _, _ in [v.slice(before..<before + length, alongAxis: axis)] })
  }

  /// Tensors joined along an axis; their other extents agree.
  public static func concatenated(_ parts: [Tensor], alongAxis axis: Int = 0) -> Tensor {
    guard let first = parts.first else {
      callerMistake("there is nothing to concatenate: the list of tensors is empty")
    }
    let axis = first.shape.resolve(axis)
    var outShape = first.shape
    outShape[axis] = 0
    for part in parts {
      expectSameDType("concatenated", first, part)
      var expected = part.shape
      expect(
        part.rank == first.rank,
        "cannot concatenate \(first.shape) and \(part.shape) along axis \(axis)")
      outShape[axis] += expected[axis]
      expected[axis] = first.shape[axis]
      expect(
        expected == first.shape,
        "cannot concatenate \(first.shape) and \(part.shape) along axis \(axis): the other "
          + "extents differ")
    }
    let outer = outShape.prefix(axis).elementCount
    let inner = outShape.suffix(from: axis + 1).elementCount
    let extents = parts.map { $0.shape[axis] }
    let total = outShape[axis]
    return Tensor(shape: outShape, dtype: first.dtype) { out in
      var position = 0
      for part in parts {
        let run = part.shape[axis] * inner
        for block in 0..<outer {
          out.copy(
            from: part.storage, offset: block * run, to: (block * total + position) * inner,
            count: run)
        }
        position += part.shape[axis]
      }
    }.recorded(
      from: parts,
      { v, _, needs in
        var position = 0
        return extents.enumerated().map { index, extent in
          defer { position += extent }
          return needs[index] ? v.slice(position..<position + extent, alongAxis: axis) : nil
        }
      })
  }

  /// The samples (axis 0) of `a` where `mask` is true, and those of `b` elsewhere.
  ///
  /// This is a selection and not arithmetic, so a sample that is not chosen has no effect on the
  /// result, even if it holds NaN.
  public static func selectSamples(_ mask: [Bool], _ a: Tensor, _ b: Tensor) -> Tensor {
    expectSameDType("selectSamples", a, b)
    expect(
      a.shape == b.shape && a.rank > 0 && a.shape[0] == mask.count,
      "selectSamples needs two tensors of one shape and one flag per sample, not \(a.shape), "
        + "\(b.shape) and \(mask.count) flags")
    let rows = mask.count
    let cols = rows == 0 ? 0 : a.count / rows
    let flags = mask.map { $0 ? UInt8(1) : 0 }
    return Tensor(shape: a.shape, dtype: a.dtype) { out in
      switch a.dtype {
      case .float32:
        ck_select_rows_f32(flags, a.storage.f32, b.storage.f32, out.f32, rows, cols)
      case .float64:
        ck_select_rows_f64(flags, a.storage.f64, b.storage.f64, out.f64, rows, cols)
      }
    }.recorded(
      from: [a, b],
      { v, _, needs in
        let zero = v.zerosLike()
        return [
          needs[0] ? selectSamples(mask, v, zero) : nil,
          needs[1] ? selectSamples(mask, zero, v) : nil,
        ]
      })
  }
}

extension Storage {
  /// Copies a run of elements, or repeats one of them (`step` 0); allowed only while no other
  /// reference to this storage exists.
  func copy(from source: Storage, offset: Int, step: Int = 1, to target: Int, count: Int) {
    let size = dtype.byteCount
    if step == 1 {
      (base + target * size).copyMemory(from: source.base + offset * size, byteCount: count * size)
      return
    }
    switch dtype {
    case .float32: ck_fill_f32(source.f32[offset], f32 + target, count)
    case .float64: ck_fill_f64(source.f64[offset], f64 + target, count)
    }
  }
}
