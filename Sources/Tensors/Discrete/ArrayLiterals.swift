// Nested lists as literals of tensors.

/// A number, or a list of numbers or lists, as it is written in a literal.
///
/// This type makes `let x: Tensor = [[1, 2], [3, 4]]` possible; there is no need to name it.
public struct ListLiteral<Element: Sendable>: Sendable, ExpressibleByArrayLiteral {
  let shape: Shape
  let elements: [Element]

  init(one element: Element) { (shape, elements) = ([], [element]) }

  /// A list; stops when its parts have different shapes.
  public init(arrayLiteral parts: ListLiteral...) { self.init(of: parts) }

  init(of parts: [ListLiteral]) {
    let inner = parts.first?.shape ?? []
    for part in parts {
      expect(
        part.shape == inner,
        "the parts of a list have the shapes \(inner) and \(part.shape); a tensor's are equal")
    }
    shape = [parts.count] + inner
    elements = parts.flatMap(\.elements)
  }
}

extension ListLiteral: ExpressibleByIntegerLiteral where Element: Numeric {
  /// A whole number; stops where the element type cannot hold it.
  public init(integerLiteral value: Int) {
    guard let exact = Element(exactly: value) else {
      callerMistake("\(value) is no number that a tensor holds exactly")
    }
    self.init(one: exact)
  }
}

extension ListLiteral: ExpressibleByFloatLiteral where Element == Double {
  /// A floating-point number.
  public init(floatLiteral value: Double) { self.init(one: value) }
}

extension ListLiteral: ExpressibleByBooleanLiteral where Element == Bool {
  /// A flag.
  public init(booleanLiteral value: Bool) { self.init(one: value) }
}

extension Tensor: ExpressibleByArrayLiteral {
  /// A float32 tensor written as a list, or a list of lists; stops when lists differ in length.
  public init(arrayLiteral parts: ListLiteral<Double>...) { self.init(parts) }

  /// A tensor written as a list, or a list of lists: `Tensor([[1, 2], [3, 4]], dtype: .float64)`.
  ///
  /// Stops when lists differ in length.
  public init(_ list: [ListLiteral<Double>], dtype: DType = .float32) {
    let list = ListLiteral(of: list)
    self.init(list.elements, shape: list.shape, dtype: dtype)
  }

  /// A vector of the numbers of a sequence: an array, or `stride(from: 0, to: 1, by: 0.1)`.
  public init<Numbers: Sequence>(_ numbers: Numbers, dtype: DType = .float32)
  where Numbers.Element: BinaryFloatingPoint {
    let scalars = numbers.map { Double($0) }
    self.init(scalars, shape: [scalars.count], dtype: dtype)
  }
}

extension DiscreteTensor: ExpressibleByArrayLiteral {
  /// A tensor written as a list, or a list of lists; stops when lists differ in length.
  public init(arrayLiteral parts: ListLiteral<Element.Scalar>...) {
    let list = ListLiteral(of: parts)
    self.init(list.elements, shape: list.shape)
  }
}
