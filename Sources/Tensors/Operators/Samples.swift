import CKernels

// Operators that take samples (axis 0) out of a batch and put them back.

extension Tensor {
  /// The samples at the given positions of axis 0, in their order.
  ///
  /// - Parameter positions: the samples, counted from 0. A position that occurs several times gives
  ///   as many copies, whose cotangents are added.
  /// - Returns: [positions.count, ...].
  ///
  /// Stops when a position does not exist.
  public func samples(_ positions: [Int]) -> Tensor {
    let batch = checkedBatch(positions)
    return Tensor(shape: [positions.count] + shape.suffix(from: 1), dtype: dtype) { out in
      out.gather(storage, positions, width: batch == 0 ? 0 : count / batch)
    }.recorded(
      from: [self],
      { v, _, _ in
        guard areDistinct(positions) else {
          return [v.summedByPosition(IntTensor(positions), extent: batch)]
        }
        let nothing = Tensor.zeros([batch] + v.shape.suffix(from: 1), dtype: v.dtype)
        return [nothing.replacing(positions, v)]
      })
  }

  /// This batch with the samples at the given positions replaced by those of `other`.
  ///
  /// If this batch is zero, this is the transpose of `samples(_:)`.
  ///
  /// - Parameters:
  ///   - positions: the samples to replace; no position may occur twice.
  ///   - other: the new samples, [positions.count, ...].
  /// - Returns: a tensor of this shape.
  ///
  /// Stops when a position does not exist or occurs twice, or the shapes do not fit.
  public func replacing(_ positions: [Int], _ other: Tensor) -> Tensor {
    let batch = checkedBatch(positions)
    expect(
      areDistinct(positions),
      "a sample cannot be replaced twice, but a position occurs several times in \(positions)")
    expectSameDType("replacing", self, other)
    expect(
      other.shape == [positions.count] + shape.suffix(from: 1),
      "\(positions.count) samples of a batch \(shape) cannot be replaced by \(other.shape)")
    return Tensor(shape: shape, dtype: dtype) { out in
      let width = batch == 0 ? 0 : count / batch
      out.copy(from: storage, offset: 0, to: 0, count: count)
      for (row, position) in positions.enumerated() {
        out.copy(from: other.storage, offset: row * width, to: position * width, count: width)
      }
    }.recorded(
      from: [self, other],
      { v, _, needs in
        let nothing = Tensor.zeros(
          [positions.count] + v.shape.suffix(from: 1), dtype: v.dtype)
        return [
          needs[0] ? v.replacing(positions, nothing) : nil, needs[1] ? v.samples(positions) : nil,
        ]
      })
  }

  private func checkedBatch(_ positions: [Int]) -> Int {
    expect(rank > 0, "a scalar has no batch axis")
    let batch = shape[0]
    // The sign is set of a position below 0, and of what is left to the last sample from one beyond it. In
    // this form the processor compares several at a time.
    let signs = positions.reduce(0) { $0 | $1 | (batch &- 1 &- $1) }
    if signs < 0, let wrong = positions.first(where: { !(0..<batch).contains($0) }) {
      callerMistake("sample \(wrong) does not exist in a batch of shape \(shape)")
    }
    return batch
  }
}

/// Whether no position occurs twice.
private func areDistinct(_ positions: [Int]) -> Bool {
  // In most calls the positions ascend, which is tested first.
  zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 }
    || Set(positions).count == positions.count
}

extension Storage {
  /// Copies rows of `width` elements from the given positions of `source`, one after the other.
  fileprivate func gather(_ source: Storage, _ positions: [Int], width: Int) {
    guard width == 1 else {
      for (row, position) in positions.enumerated() {
        copy(from: source, offset: position * width, to: row * width, count: width)
      }
      return
    }
    switch dtype {
    case .float32:
      let (from, to) = (source.f32, f32)
      for (row, position) in positions.enumerated() { to[row] = from[position] }
    case .float64:
      let (from, to) = (source.f64, f64)
      for (row, position) in positions.enumerated() { to[row] = from[position] }
    }
  }
}
