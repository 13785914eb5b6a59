import CKernels

/// Up to `capacity` vectors for every sample of a batch: the memory of a quasi-Newton method.
///
/// ```swift
/// var window = VectorWindow(capacity: 5)
/// window.set(0, to: g, minus: previous)                        // row 0 of every sample
/// let products = window.innerProducts(with: g)                 // [batch, rows]
/// let sum = window.combined(products, onto: z, scale: -1)      // z - sum_i products_i row_i
/// ```
/// All samples have the same number of rows; a sample whose rows are cleared has zeros there. While
/// nothing is recorded, the rows lie in one buffer that is overwritten in place, and each operation
/// passes over it once. Recorded rows are kept as tensors, so that gradients flow through them. The
/// numbers of a sample do not depend on the rest of its batch.
public struct VectorWindow: Sendable {
  /// The largest number of rows.
  public let capacity: Int
  /// The number of rows.
  public private(set) var count = 0

  /// The rows as [batch, capacity, n] while none of them is recorded; otherwise nil.
  private var buffer: Storage?
  /// The rows, [batch, n] each, once one of them is recorded.
  private var rows: [Tensor] = []
  private var batch = 0
  private var length = 0

  /// A window without rows.
  ///
  /// Stops when `capacity` is not positive.
  public init(capacity: Int) {
    expect(capacity >= 1, "a window holds at least one vector, not \(capacity)")
    self.capacity = capacity
  }

  /// The number of samples.
  var sampleCount: Int { batch }

  /// Whether gradients flow through the rows.
  var isRecorded: Bool { !rows.isEmpty }

  /// Sets a row of every sample to a, or a - b.
  ///
  /// - Parameters:
  ///   - row: the index of an existing row, or of the next one.
  ///   - a: the row, or the minuend; [batch, n].
  ///   - b: the subtrahend, [batch, n]; nil for none.
  public mutating func set(_ row: Int, to a: Tensor, minus b: Tensor? = nil) {
    expect(
      row >= 0 && row <= count && row < capacity,
      "row \(row) cannot be set in a window of \(count) rows and capacity \(capacity)")
    expect(a.rank == 2, "a window takes rows [batch, n], not \(a.shape)")
    if let b { expectSameShape(a, b) }
    if count == 0 { (batch, length) = (a.shape[0], a.shape[1]) }
    expectFits(a)
    if isRecorded || Tensor.records(a) || b.map({ Tensor.records($0) }) ?? false {
      keepRowsAsTensors()
      count = max(count, row + 1)
      let value = b.map { a - $0 } ?? a
      if row < rows.count { rows[row] = value } else { rows.append(value) }
      return
    }
    count = max(count, row + 1)
    let storage = writableBuffer(a.dtype)
    switch a.dtype {
    case .float32:
      ck_window_set_f32(
        a.storage.f32, b?.storage.f32, storage.f32, capacity, row, batch, length)
    case .float64:
      ck_window_set_f64(
        a.storage.f64, b?.storage.f64, storage.f64, capacity, row, batch, length)
    }
  }

  /// Forgets all rows.
  public mutating func removeAll() {
    count = 0
    rows = []
  }

  /// Sets the rows of the samples where `mask` is true to zero.
  public mutating func clear(_ mask: [Bool]) {
    guard count > 0 else { return }
    if isRecorded {
      rows = rows.map { Tensor.selectSamples(mask, $0.zerosLike(), $0) }
      return
    }
    guard let dtype = buffer?.dtype else { return }
    let storage = writableBuffer(dtype)
    let bytes = capacity * length * dtype.byteCount
    for sample in mask.indices where mask[sample] {
      (storage.base + sample * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
  }

  /// <row, x> for every row of every sample.
  ///
  /// - Parameter x: [batch, n].
  /// - Returns: [batch, count].
  public func innerProducts(with x: Tensor) -> Tensor {
    expectFits(x)
    guard let buffer, !isRecorded, !Tensor.records(x) else {
      StateSharding.expectConstants()
      return stacked.matmul(x.reshaped([batch, length, 1])).reshaped([batch, count])
    }
    let products = Tensor(shape: [batch, count], dtype: x.dtype) { out in
      switch x.dtype {
      case .float32:
        ck_window_products_f32(
          buffer.f32, capacity, count, x.storage.f32, out.f32, batch, length)
      case .float64:
        ck_window_products_f64(
          buffer.f64, capacity, count, x.storage.f64, out.f64, batch, length)
      }
    }
    guard let sharding = StateSharding.current else { return products }
    return Tensor(sharding.sums(products.scalars), shape: products.shape, dtype: x.dtype)
  }

  /// baseScale * base + scale * sum of coefficients[i] row_i, sample by sample.
  ///
  /// - Parameters:
  ///   - coefficients: one for each row of each sample, [batch, count].
  ///   - base: [batch, n].
  ///   - scale: the factor of the sum; default 1.
  ///   - baseScale: the factor of the base; default 1.
  /// - Returns: [batch, n].
  public func combined(
    _ coefficients: Tensor, onto base: Tensor, scale: Double = 1, baseScale: Double = 1
  ) -> Tensor {
    expectFits(base)
    expect(
      coefficients.shape == [batch, count],
      "\(coefficients.shape) coefficients do not fit \(batch) samples of \(count) rows")
    guard let buffer, !isRecorded, !Tensor.records(coefficients, base) else {
      let sum = coefficients.reshaped([batch, 1, count]).matmul(stacked)
        .reshaped([batch, length])
      let scaled = scale == 1 ? sum : sum * scale
      return baseScale == 1 ? base + scaled : base * baseScale + scaled
    }
    return Tensor(shape: base.shape, dtype: base.dtype) { out in
      switch base.dtype {
      case .float32:
        ck_window_combine_f32(
          buffer.f32, capacity, count, coefficients.storage.f32, scale, base.storage.f32,
          baseScale, out.f32, batch, length)
      case .float64:
        ck_window_combine_f64(
          buffer.f64, capacity, count, coefficients.storage.f64, scale, base.storage.f64,
          baseScale, out.f64, batch, length)
      }
    }
  }

  /// Joins windows of parts of a batch into the window of the whole batch.
  ///
  /// If a part has fewer rows than another one, its samples get zeros in the missing rows.
  ///
  /// - Parameter parts: the windows, each with the positions of its samples in the batch; every
  ///   position occurs once.
  /// - Returns: the window of the whole batch, not recorded unless a part is.
  public static func joining(_ parts: [(positions: [Int], window: VectorWindow)]) -> VectorWindow {
    let count = parts.map(\.window.count).max() ?? 0
    var result = VectorWindow(capacity: parts.map(\.window.capacity).max() ?? 1)
    guard count > 0, let length = parts.first(where: { $0.window.count > 0 })?.window.length
    else { return result }
    let order = parts.flatMap(\.positions)
    var place = order
    for (position, sample) in order.enumerated() { place[sample] = position }
    let dtype = parts.compactMap { $0.window.count > 0 ? $0.window.stacked.dtype : nil }.first
    let rows = Tensor.concatenated(
      parts.map { positions, window in
        let missing: Shape = [positions.count, count - window.count, length]
        let padding = Tensor.zeros(missing, dtype: dtype ?? .float32)
        return window.count == 0
          ? padding : Tensor.concatenated([window.stacked, padding], alongAxis: 1)
      }
    ).samples(place)
    for row in 0..<count {
      result.set(
        row,
        to: rows.slice(row..<row + 1, alongAxis: 1).reshaped([order.count, length]))
    }
    return result
  }

  /// The rows side by side: [batch, count, n].
  var stacked: Tensor {
    if let buffer, !isRecorded {
      return Tensor(buffer, [batch, capacity, length]).slice(0..<count, alongAxis: 1)
    }
    return Tensor.concatenated(rows.map { $0.reshaped([batch, 1, length]) }, alongAxis: 1)
  }

  /// The buffer, for kernels that read it while nothing is recorded; nil once a row is recorded.
  var unrecordedBuffer: Storage? { isRecorded ? nil : buffer }

  /// Copies the rows out of the buffer and keeps them as tensors from now on.
  private mutating func keepRowsAsTensors() {
    guard let buffer, !isRecorded else { return }
    let all = Tensor(buffer, [batch, capacity, length])
    rows = (0..<count).map { all.slice($0..<$0 + 1, alongAxis: 1).reshaped([batch, length]) }
    self.buffer = nil
  }

  /// The buffer, copied first if something else refers to it, so that it can be written to.
  private mutating func writableBuffer(_ dtype: DType) -> Storage {
    let size = batch * capacity * length
    if let buffer, buffer.dtype != dtype || buffer.count != size {
      expect(count <= 1, "a window of \(buffer.dtype) rows cannot take a row of \(dtype)")
      self.buffer = nil
    }
    if buffer != nil, isKnownUniquelyReferenced(&buffer), let buffer { return buffer }
    let fresh = Storage(dtype: dtype, count: size)
    if let buffer { fresh.copy(from: buffer, offset: 0, to: 0, count: size) }
    buffer = fresh
    return fresh
  }

  private func expectFits(_ x: Tensor) {
    expect(
      x.rank == 2 && x.shape[0] == batch && x.shape[1] == length,
      "the window's rows are [\(batch), \(length)]; \(x.shape) does not fit")
  }

  private func expectSameShape(_ a: Tensor, _ b: Tensor) {
    expect(
      a.shape == b.shape && a.dtype == b.dtype,
      "a row cannot be \(a.dtype) \(a.shape) minus \(b.dtype) \(b.shape)")
  }
}

extension VectorWindow: PerSample {
  /// Shows the buffer as one tensor, or the rows if they are recorded.
  public mutating func visit(_ visitor: inout some SampleVisitor) {
    guard let buffer, !isRecorded else {
      for row in rows.indices { visitor.visit(&rows[row]) }
      batch = rows.first?.shape[0] ?? batch
      return
    }
    var all = Tensor(buffer, [batch, capacity * length])
    visitor.visit(&all)
    batch = all.shape[0]
    guard all.isRecorded else {
      self.buffer = all.storage
      return
    }
    // Gradients are to flow through the rows, so they are kept one by one from here on.
    rows = (0..<count).map {
      all.slice($0 * length..<($0 + 1) * length, alongAxis: 1)
    }
    self.buffer = nil
  }
}
