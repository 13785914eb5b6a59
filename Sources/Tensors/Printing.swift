// Tensors as text, as NumPy shows them: shape and dtype, then rows in columns. Of long axes only
// the beginning and the end are shown.

extension Tensor: CustomStringConvertible {
  /// Shape, dtype and elements, with at most four digits after the point.
  ///
  /// Of a tensor with more than 1000 elements, three are shown at each end of an axis.
  ///
  /// ```
  /// Tensor [2, 3] float32
  /// [[ 1.0, -2.5,  3.0],
  ///  [ 4.0,  5.0,  6.25]]
  /// ```
  public var description: String {
    let grid = PrintedGrid(shape)
    let places = grid.places
    let texts = NumberTexts(of: places.map { element(at: $0) })
    return "Tensor \(shape) \(dtype)" + grid.text(texts.strings)
  }

  private func element(at place: Int) -> Double {
    dtype == .float32 ? Double(storage.f32[place]) : storage.f64[place]
  }
}

extension DiscreteTensor: CustomStringConvertible {
  /// Shape, dtype and elements.
  ///
  /// Of a tensor with more than 1000 elements, three are shown at each end of an axis.
  public var description: String {
    let grid = PrintedGrid(shape)
    let texts = grid.places.map { "\(elements[$0].scalar)" }
    let name = Element.dtypeName == "bool" ? "BoolTensor" : "IntTensor"
    return "\(name) \(shape)" + grid.text(texts)
  }
}

/// Which elements are shown, and how they are laid out.
private struct PrintedGrid {
  private static let largest = 1000
  private static let edge = 3
  private let shape: Shape
  private let isElided: Bool

  init(_ shape: Shape) {
    (self.shape, isElided) = (shape, shape.elementCount > PrintedGrid.largest)
  }

  /// The positions along an axis that are shown; nil stands for those that are left out.
  private func positions(_ axis: Int) -> [Int?] {
    let (extent, edge) = (shape[axis], PrintedGrid.edge)
    guard isElided, extent > 2 * edge else { return (0..<extent).map { $0 } }
    return (0..<edge).map { $0 } + [nil] + (extent - edge..<extent).map { $0 }
  }

  /// The places of the elements that are shown, in row-major order.
  var places: [Int] {
    let strides = shape.strides
    return (0..<shape.rank).reduce([0]) { places, axis in
      let steps = positions(axis).compactMap { $0 }.map { $0 * strides[axis] }
      return places.flatMap { place in steps.map { place + $0 } }
    }
  }

  func text(_ elements: [String]) -> String {
    let width = elements.map(\.count).max() ?? 0
    var rest = elements[...].makeIterator()
    func part(_ axis: Int) -> String {
      guard axis < shape.rank else {
        let element = rest.next() ?? ""
        return String(repeating: " ", count: width - element.count) + element
      }
      let parts = positions(axis).map { $0 == nil ? "..." : part(axis + 1) }
      // An empty line separates matrices.
      let isRow = axis == shape.rank - 1
      let separator =
        isRow
        ? ", "
        : "," + String(repeating: "\n", count: shape.rank - 1 - axis)
          + String(repeating: " ", count: axis + 1)
      return "[" + parts.joined(separator: separator) + "]"
    }
    // A vector stands in the same line as shape and dtype, a matrix begins below it.
    return (shape.rank > 1 ? "\n" : " ") + part(0)
  }
}

/// Numbers as text in columns: all have the same number of digits after the point, as few as they
/// need.
private struct NumberTexts {
  let strings: [String]
  private static let digits = 4

  init(of numbers: [Double]) {
    let sizes = numbers.filter { $0.isFinite && $0 != 0 }.map(Swift.abs)
    let (smallest, largest) = (sizes.min() ?? 1, sizes.max() ?? 1)
    let isScientific = largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1e6
    let fractions = numbers.filter(\.isFinite).map { number in
      NumberTexts.fraction(of: isScientific ? NumberTexts.scaled(number).mantissa : number)
    }
    let digits = Swift.max(fractions.max() ?? 1, 1)
    strings = numbers.map { number in
      guard number.isFinite else {
        return number.isNaN ? "nan" : number < 0 ? "-inf" : "inf"
      }
      guard isScientific else { return NumberTexts.fixed(number, digits) }
      let (mantissa, exponent) = NumberTexts.scaled(number)
      let sign = exponent < 0 ? "-" : "+"
      let size = Swift.abs(exponent)
      return NumberTexts.fixed(mantissa, digits) + "e\(sign)\(size < 10 ? "0" : "")\(size)"
    }
  }

  private static func power(_ exponent: Int) -> Double {
    (0..<exponent).reduce(1.0) { power, _ in power * 10 }
  }

  /// The number of digits after the point, at most `digits`, that are needed to show the number.
  private static func fraction(of number: Double) -> Int {
    var left = Int((Swift.abs(number) * power(digits)).rounded())
    var needed = digits
    while needed > 0, left % 10 == 0 { (left, needed) = (left / 10, needed - 1) }
    return needed
  }

  private static func fixed(_ number: Double, _ digits: Int) -> String {
    let unit = Int(power(digits))
    let whole = Int((Swift.abs(number) * Double(unit)).rounded())
    let fraction = String(whole % unit)
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return (number.sign == .minus && whole > 0 ? "-" : "") + "\(whole / unit).\(zeros)\(fraction)"
  }

  /// A number as a mantissa between 1 and 10 and a power of ten.
  private static func scaled(_ number: Double) -> (mantissa: Double, exponent: Int) {
    guard number != 0 else { return (0, 0) }
    // The shortest text of a number is exact, so its digits are used, with the point after the
    // first one.
    let text = "\(Swift.abs(number))".split(separator: "e")
    var exponent = text.count > 1 ? Int(text[1]) ?? 0 : 0
    var mantissa = Double(text[0]) ?? 0
    while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    // A number that rounds up to ten has one digit more.
    if (mantissa * power(digits)).rounded() >= power(digits + 1) {
      (mantissa, exponent) = (1, exponent + 1)
    }
    return (number < 0 ? -mantissa : mantissa, exponent)
  }
}
