import CKernels

/// A dense array of real numbers, row-major, that knows how it was computed.
///
/// ```swift
/// let x = Tensor([1, 2, 3], shape: [3], dtype: .float64).variable()
/// let loss = (x * x).sum()
/// let table = try gradients(of: loss)
/// table[x]!.scalars   // [2, 4, 6]
/// ```
/// A tensor is a value: its elements never change, and copies share them. An operator is recorded
/// on the tape if recording is on in its thread and an operand depends on a variable (see
/// `withoutRecording`, `detached()`). Every operator works in both dtypes; all operands of one
/// operator must have the same dtype.
public struct Tensor: Sendable {
  /// The extents of the axes.
  public let shape: Shape
  /// The elements; replaced only where a cotangent is accumulated in place.
  private(set) var storage: Storage
  let node: Node?

  init(_ storage: Storage, _ shape: Shape, node: Node? = nil) {
    self.storage = storage
    self.shape = shape
    self.node = node
  }

  /// The scalar type.
  public var dtype: DType { storage.dtype }
  /// The number of elements.
  public var count: Int { storage.count }
  /// The number of axes.
  public var rank: Int { shape.rank }

  /// The same elements, cut off from the tape: a constant.
  public func detached() -> Tensor { Tensor(storage, shape) }

  /// The same elements as a new variable: a leaf of the tape, with respect to which gradients can
  /// be taken.
  public func variable() -> Tensor { Tensor(storage, shape, node: Node()) }

  /// Whether the other tensor is a copy of this one: it shares the elements in memory and the place
  /// on the tape.
  package func isCopy(of other: Tensor) -> Bool {
    storage === other.storage && node === other.node && shape == other.shape
  }

  /// Adds the elements of `other`, in place if no other tensor shares the elements of this one.
  mutating func accumulate(_ other: Tensor) {
    if node == nil, other.node == nil, isKnownUniquelyReferenced(&storage) {
      storage.accumulate(other.storage)
    } else {
      self = self + other
    }
  }

  /// Gives this tensor elements of its own: they are copied if another tensor shares them.
  ///
  /// - Returns: the elements, which may be changed until this tensor is copied.
  mutating func ownedStorage() -> Storage {
    if !isKnownUniquelyReferenced(&storage) {
      let own = Storage(dtype: dtype, count: count)
      own.copy(from: storage, offset: 0, to: 0, count: count)
      storage = own
    }
    return storage
  }

  /// Whether gradients can flow back from this tensor.
  public var isRecorded: Bool { node != nil }

  /// Whether this is a variable, of which `gradients(of:)` keeps the gradient, and not computed from some.
  package var isVariable: Bool { node?.isVariable == true }
}

// MARK: - Making tensors

extension Tensor {
  /// A tensor whose elements are written by `fill`; profiles show the time under the operator's
  /// name.
  @inline(__always)
  init(
    shape: Shape, dtype: DType, operation: StaticString = #function, fill: (Storage) -> Void
  ) {
    let storage = Storage(dtype: dtype, count: shape.elementCount)
    measured(operation) { fill(storage) }
    self.init(storage, shape)
  }

  /// A tensor from numbers in row-major order.
  ///
  /// Stops when the number of scalars is not the shape's element count.
  public init(_ scalars: [Double], shape: Shape, dtype: DType = .float32) {
    expect(
      scalars.count == shape.elementCount,
      "\(scalars.count) scalars cannot fill shape \(shape), which has \(shape.elementCount)")
    self.init(shape: shape, dtype: dtype) { storage in
      scalars.withUnsafeBufferPointer { source in
        guard let base = source.baseAddress else { return }
        switch dtype {
        case .float32: ck_f64_to_f32(base, storage.f32, source.count)
        case .float64: storage.f64.update(from: base, count: source.count)
        }
      }
    }
  }

  /// A float32 tensor from numbers in row-major order.
  ///
  /// Stops when the number of scalars is not the shape's element count.
  public init(_ scalars: [Float], shape: Shape) {
    expect(
      scalars.count == shape.elementCount,
      "\(scalars.count) scalars cannot fill shape \(shape), which has \(shape.elementCount)")
    self.init(shape: shape, dtype: .float32) { storage in
      scalars.withUnsafeBufferPointer { source in
        guard let base = source.baseAddress else { return }
        storage.f32.update(from: base, count: source.count)
      }
    }
  }

  /// A scalar: a tensor of shape `[]`.
  public init(_ scalar: Double, dtype: DType = .float32) {
    self.init([scalar], shape: [], dtype: dtype)
  }

  /// A float32 tensor of bytes times `scale`: the default 1/255 turns pixels into numbers in [0,
  /// 1].
  ///
  /// Stops when the number of bytes is not the shape's element count.
  public init(bytes: [UInt8], shape: Shape, scale: Float = 1 / 255) {
    expect(
      bytes.count == shape.elementCount,
      "\(bytes.count) bytes cannot fill shape \(shape), which has \(shape.elementCount)")
    self.init(shape: shape, dtype: .float32) { storage in
      bytes.withUnsafeBufferPointer { source in
        guard let base = source.baseAddress else { return }
        ck_u8_to_f32(base, scale, storage.f32, source.count)
      }
    }
  }

  /// A tensor in which every element is `value`.
  public static func full(_ value: Double, _ shape: Shape, dtype: DType = .float32) -> Tensor {
    Tensor(shape: shape, dtype: dtype) { storage in
      switch dtype {
      case .float32: ck_fill_f32(Float(value), storage.f32, storage.count)
      case .float64: ck_fill_f64(value, storage.f64, storage.count)
      }
    }
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: Shape, dtype: DType = .float32) -> Tensor {
    full(0, shape, dtype: dtype)
  }

  /// A tensor of ones.
  public static func ones(_ shape: Shape, dtype: DType = .float32) -> Tensor {
    full(1, shape, dtype: dtype)
  }

  /// The n-by-n identity matrix.
  public static func identity(_ n: Int, dtype: DType = .float32) -> Tensor {
    var scalars = [Double](repeating: 0, count: n * n)
    for index in 0..<n { scalars[index * n + index] = 1 }
    return Tensor(scalars, shape: [n, n], dtype: dtype)
  }

  /// Zeros of the same shape and dtype.
  public func zerosLike() -> Tensor { .zeros(shape, dtype: dtype) }
}

// MARK: - Reading elements

extension Tensor {
  /// The elements in row-major order.
  public var scalars: [Double] {
    // All empty arrays share their storage, and the initialiser would write to it.
    guard count > 0 else { return [] }
    return [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress {
        switch dtype {
        case .float32: ck_f32_to_f64(storage.f32, base, count)
        case .float64: base.initialize(from: storage.f64, count: count)
        }
      }
      initialized = count
    }
  }

  /// The elements in row-major order, rounded to single precision.
  public var floats: [Float] {
    let source = converted(to: .float32)
    return [Float](UnsafeBufferPointer(start: source.storage.f32, count: count))
  }

  /// The only element of a tensor with one element.
  ///
  /// Stops when there is more than one element, or none.
  public var scalar: Double {
    expect(count == 1, "a tensor of shape \(shape) is not a single number")
    return dtype == .float32 ? Double(storage.f32[0]) : storage.f64[0]
  }

  /// Runs `body` with the elements of a float32 tensor, without a copy.
  ///
  /// Stops when the dtype is not float32.
  public func withFloats<Result>(
    _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    expect(dtype == .float32, "withFloats needs a float32 tensor, not \(dtype)")
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeBufferPointer(start: storage.f32, count: count))
  }
}
