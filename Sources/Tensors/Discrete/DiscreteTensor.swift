/// The type of a discrete tensor's elements: `Int32` or `Bool`.
///
/// No other type conforms.
public protocol DiscreteElement: Sendable, Hashable, Codable {
  /// The type by which one element is written in Swift: `Int` or `Bool`.
  associatedtype Scalar: Sendable, Hashable
  /// The element as it is stored; stops where the number is too large for it.
  init(scalar: Scalar)
  /// The element as it is written in Swift.
  var scalar: Scalar { get }
  /// "int32" or "bool".
  static var dtypeName: String { get }
}

/// A dense array of whole numbers or flags, row-major: positions, classes, masks.
///
/// ```swift
/// let classes: IntTensor = [2, 0, 1]
/// let mask = x .> 0                       // a BoolTensor of the shape of x
/// let accuracy = (logits.argmax(alongAxis: -1) .== classes).converted(to: .float64).mean()
/// ```
/// It is a value, as `Tensor` is, but it is never on the tape: there is nothing to differentiate,
/// and the type says so ([why](../../../Docs/Explanation/Decisions/DiscreteTensors.md)). Two of
/// them are equal where their shapes and all elements are equal. Subscripts work as those of
/// tensors.
public struct DiscreteTensor<Element: DiscreteElement>: Sendable, Hashable {
  /// The extents of the axes.
  public let shape: Shape
  /// The elements in row-major order.
  let elements: [Element]

  init(elements: [Element], shape: Shape) {
    expect(
      elements.count == shape.elementCount,
      "\(elements.count) elements cannot fill shape \(shape), which has \(shape.elementCount)")
    (self.elements, self.shape) = (elements, shape)
  }
}

/// Whole numbers: positions, classes, tokens.
///
/// They lie between -2^31 and 2^31 - 1, the range of positions in a tensor.
public typealias IntTensor = DiscreteTensor<Int32>

/// Flags: the results of comparisons, and masks.
public typealias BoolTensor = DiscreteTensor<Bool>

extension Int32: DiscreteElement {
  /// The number as 32 bits; stops where it needs more.
  public init(scalar: Int) {
    guard let exact = Int32(exactly: scalar) else {
      callerMistake("\(scalar) does not fit an IntTensor, whose numbers have 32 bits")
    }
    self = exact
  }
  /// The number.
  public var scalar: Int { Int(self) }
  /// "int32".
  public static var dtypeName: String { "int32" }
}

extension Bool: DiscreteElement {
  /// The flag.
  public init(scalar: Bool) { self = scalar }
  /// The flag.
  public var scalar: Bool { self }
  /// "bool".
  public static var dtypeName: String { "bool" }
}

extension DiscreteTensor {
  /// A tensor from elements in row-major order.
  ///
  /// Stops when the number of scalars is not the shape's element count.
  public init(_ scalars: [Element.Scalar], shape: Shape) {
    self.init(elements: scalars.map { Element(scalar: $0) }, shape: shape)
  }

  /// A vector of the elements of a sequence, such as a range.
  public init(_ scalars: some Sequence<Element.Scalar>) {
    let elements = scalars.map { Element(scalar: $0) }
    self.init(elements: elements, shape: [elements.count])
  }

  /// A tensor of shape `[]`.
  public init(_ scalar: Element.Scalar) {
    self.init(elements: [Element(scalar: scalar)], shape: [])
  }

  /// A tensor in which every element is `value`.
  public static func full(_ value: Element.Scalar, _ shape: Shape) -> Self {
    Self(
      elements: [Element](repeating: Element(scalar: value), count: shape.elementCount),
      shape: shape)
  }

  /// The number of elements.
  public var count: Int { elements.count }
  /// The number of axes.
  public var rank: Int { shape.rank }
  /// The elements in row-major order.
  public var scalars: [Element.Scalar] { elements.map(\.scalar) }

  /// The only element of a tensor with one element; stops when there are more or none.
  public var scalar: Element.Scalar {
    expect(count == 1, "a tensor of shape \(shape) is not a single element")
    return elements[0].scalar
  }
}

extension DiscreteTensor: Codable {
  private enum CodingKeys: String, CodingKey { case shape, elements }

  /// Reads shape and elements.
  ///
  /// - Throws: `DecodingError` where they are missing or do not fit each other.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let shape = try container.decode(Shape.self, forKey: .shape)
    let elements = try container.decode([Element].self, forKey: .elements)
    guard elements.count == shape.elementCount else {
      throw DecodingError.dataCorruptedError(
        forKey: .elements, in: container,
        debugDescription: "\(elements.count) elements cannot fill shape \(shape)")
    }
    self.init(elements: elements, shape: shape)
  }

  /// Writes shape and elements.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(shape, forKey: .shape)
    try container.encode(elements, forKey: .elements)
  }
}
