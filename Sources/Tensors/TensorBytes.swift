extension Tensor {
  /// Runs `body` with the elements as they lie in memory, without a copy.
  package func withBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeRawBufferPointer(start: storage.base, count: count * dtype.byteCount))
  }

  /// A tensor whose elements `body` writes, all of them, row-major, at the place where they stay.
  package init(
    shape: Shape, dtype: DType, filling body: (UnsafeMutableRawBufferPointer) throws -> Void
  ) rethrows {
    let storage = Storage(dtype: dtype, count: shape.elementCount)
    try body(
      UnsafeMutableRawBufferPointer(
        start: storage.base, count: storage.count * dtype.byteCount))
    self.init(storage, shape)
  }

  /// A tensor whose elements are copied from memory, where they lie in row-major order.
  ///
  /// Stops when the number of bytes is not that of the shape.
  package init(copying bytes: UnsafeRawBufferPointer, shape: Shape, dtype: DType) {
    expect(
      bytes.count == shape.elementCount * dtype.byteCount,
      "\(bytes.count) bytes cannot fill \(dtype) \(shape)")
    self.init(shape: shape, dtype: dtype) { storage in
      guard let base = bytes.baseAddress else { return }
      storage.base.copyMemory(from: base, byteCount: bytes.count)
    }
  }
}
