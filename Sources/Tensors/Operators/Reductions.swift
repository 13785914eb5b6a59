import CKernels

// Sums, means, norms and largest magnitudes.

extension Tensor {
  /// The sum of all elements, a scalar.
  public func sum() -> Tensor {
    let shape = self.shape
    return reduced(outer: 1, reduce: count, inner: 1, to: []).recorded(
      from: [self], { v, _, _ in [v.broadcast(to: shape)] })
  }

  /// The mean of all elements, a scalar.
  public func mean() -> Tensor { sum() / Double(count) }

  /// The sum along one axis.
  ///
  /// - Parameters:
  ///   - axis: the axis; negative counts from the end.
  ///   - keepingAxis: whether the axis stays, with extent 1; default false.
  /// - Returns: the sums, of one rank less unless the axis is kept.
  public func sum(alongAxis axis: Int, keepingAxis: Bool = false) -> Tensor {
    let axis = shape.resolve(axis)
    var kept = shape
    kept[axis] = 1
    let reducedShape = keepingAxis ? kept : shape.prefix(axis) + shape.suffix(from: axis + 1)
    let full = shape
    return reduced(
      outer: shape.prefix(axis).elementCount, reduce: shape[axis],
      inner: shape.suffix(from: axis + 1).elementCount, to: reducedShape
    ).recorded(from: [self], { v, _, _ in [v.reshaped(kept).broadcast(to: full)] })
  }

  /// The mean along one axis.
  public func mean(alongAxis axis: Int, keepingAxis: Bool = false) -> Tensor {
    sum(alongAxis: axis, keepingAxis: keepingAxis) / Double(shape[axis])
  }

  /// The Euclidean norm of each sample (all axes but the first), in double precision; of whole samples
  /// where a solve has states that are sharded over ranks.
  public var normsOfSamples: [Double] {
    expect(rank > 0, "a scalar has no batch axis")
    let rows = shape[0]
    guard rows > 0 else { return StateSharding.current?.norms([]) ?? [] }
    // Other arrays than a literal look the type of their memory up, which takes longer than the norm of one
    // small sample.
    var norms = [0.0]
    if rows == 1 {
      writeNorms(of: rows, to: &norms)
    } else {
      norms = Array(unsafeUninitializedCapacity: rows) { norms, count in
        if let start = norms.baseAddress { writeNorms(of: rows, to: start) }
        count = rows
      }
    }
    return StateSharding.current?.norms(norms) ?? norms
  }

  /// Writes the norms of as many samples as there are, one after the other.
  private func writeNorms(of rows: Int, to norms: UnsafeMutablePointer<Double>) {
    let cols = count / rows
    switch dtype {
    case .float32: ck_norms_rows_f32(storage.f32, norms, rows, cols)
    case .float64:
      ck_norms_rows_f64(storage.f64, norms, rows, cols)
      // Beyond these bounds the squares of doubles have lost digits, or under- or overflowed.
      for row in 0..<rows where norms[row] <= 1e-140 || norms[row] == .infinity {
        norms[row] = scaledNorm(of: row * cols..<(row + 1) * cols)
      }
    }
  }

  /// The norm of some elements in double precision.
  ///
  /// They are scaled by a power of two that keeps their squares in range.
  private func scaledNorm(of range: Range<Int>) -> Double {
    let largest = ck_max_abs_f64(storage.f64 + range.lowerBound, range.count)
    guard largest > 0 && largest.isFinite else { return largest }
    let scale = Double(
      sign: .plus, exponent: Swift.min(-Int(largest.exponent), 1000), significand: 1)
    var sum = 0.0
    for index in range { sum += (storage.f64[index] * scale) * (storage.f64[index] * scale) }
    return sum.squareRoot() / scale
  }

  /// The largest magnitude; NaN if any element is NaN, 0 for an empty tensor.
  public var largestMagnitude: Double {
    switch dtype {
    case .float32: Double(ck_max_abs_f32(storage.f32, count))
    case .float64: Double(ck_max_abs_f64(storage.f64, count))
    }
  }

  /// The index of the first element that is NaN or infinite, in row-major order.
  public var firstNonFiniteIndex: Int? {
    let index =
      dtype == .float32
      ? ck_first_nonfinite_f32(storage.f32, count) : ck_first_nonfinite_f64(storage.f64, count)
    return index < 0 ? nil : Int(index)
  }

  private func reduced(outer: Int, reduce: Int, inner: Int, to shape: Shape) -> Tensor {
    Tensor(shape: shape, dtype: dtype) { out in
      switch dtype {
      case .float32: ck_reduce_sum_f32(storage.f32, out.f32, outer, reduce, inner)
      case .float64: ck_reduce_sum_f64(storage.f64, out.f64, outer, reduce, inner)
      }
    }
  }

  /// The sum over those axes along which `shape` was stretched to this tensor's shape.
  ///
  /// This is the transpose of `broadcast(to:)`.
  public func summed(to shape: Shape) -> Tensor {
    if shape == self.shape { return self }
    var result = self
    let extra = rank - shape.rank
    if extra > 0 {
      result = result.reshaped(
        [self.shape.prefix(extra).elementCount] + self.shape.suffix(from: extra)
      ).sum(alongAxis: 0)
    }
    for axis in 0..<shape.rank where shape[axis] == 1 && result.shape[axis] != 1 {
      result = result.sum(alongAxis: axis, keepingAxis: true)
    }
    return result
  }
}
