// Comparing tensors, and encoding them.

extension Tensor: Equatable {
  /// Whether shapes, dtypes and all elements are equal; the tape does not matter.
  ///
  /// Elements are compared as numbers, by `.==`: NaN equals nothing, and 0 equals -0.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    a.shape == b.shape && a.dtype == b.dtype && (a .== b).all
  }
}

extension Tensor: Codable {
  private enum CodingKeys: String, CodingKey { case shape, dtype, elements }

  /// Reads shape, dtype and elements; the result is a constant.
  ///
  /// - Throws: `DecodingError` when the parts are missing or do not fit each other.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let shape = try container.decode(Shape.self, forKey: .shape)
    let dtype = try container.decode(DType.self, forKey: .dtype)
    let check = { (count: Int) in
      guard count == shape.elementCount else {
        throw DecodingError.dataCorruptedError(
          forKey: .elements, in: container,
          debugDescription: "\(count) elements cannot fill shape \(shape)")
      }
    }
    switch dtype {
    case .float32:
      let elements = try container.decode([Float].self, forKey: .elements)
      try check(elements.count)
      self.init(elements, shape: shape)
    case .float64:
      let elements = try container.decode([Double].self, forKey: .elements)
      try check(elements.count)
      self.init(elements, shape: shape, dtype: dtype)
    }
  }

  /// Writes shape, dtype and elements; every bit of a finite number is kept.
  ///
  /// This is meant for settings and small results: a checkpoint is smaller and faster to read.
  ///
  /// - Throws: what the encoder throws. JSON has no infinities and no NaN, so its encoder throws
  ///   for them unless it is told how to write them.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(shape, forKey: .shape)
    try container.encode(dtype, forKey: .dtype)
    switch dtype {
    case .float32: try container.encode(floats, forKey: .elements)
    case .float64: try container.encode(scalars, forKey: .elements)
    }
  }
}
