/// The extents of a tensor's axes, outermost first.
///
/// ```swift
/// let shape: Shape = [2, 3, 5]
/// shape.rank          // 3
/// shape.elementCount  // 30
/// shape[-1]           // 5: negative positions count from the end
/// ```
/// A scalar has the empty shape `[]`. Extents are stored inline, so shapes cost no allocation;
/// the rank is at most 8 and every extent is below 2^31.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// The largest rank a tensor can have.
  public static let maximumRank = 8

  private var extents = SIMD8<Int32>(repeating: 0)
  private var length: Int8 = 0

  /// The shape with the given extents.
  @inline(__always)
  public init(_ extents: some Collection<Int>) {
    for extent in extents { append(extent) }
  }

  /// The shape written as a literal.
  @inline(__always)
  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// The number of axes.
  public var rank: Int { Int(length) }

  /// The number of elements: the product of the extents, 1 for a scalar.
  public var elementCount: Int {
    var count = 1
    for axis in 0..<rank { count *= Int(extents[axis]) }
    return count
  }

  /// The extents as an array.
  public var array: [Int] { (0..<rank).map { Int(extents[$0]) } }

  /// The extent of an axis; -1 is the last axis.
  public subscript(axis: Int) -> Int {
    get { Int(extents[resolve(axis)]) }
    set { extents[resolve(axis)] = Shape.checked(newValue) }
  }

  /// The position of an axis counted from the front.
  ///
  /// Stops when `axis` is outside `-rank..<rank`.
  public func resolve(_ axis: Int) -> Int {
    let position = axis < 0 ? axis + rank : axis
    expect(
      position >= 0 && position < rank,
      "axis \(axis) does not exist in shape \(self), which has rank \(rank)")
    return position
  }

  /// Adds an axis at the end.
  public mutating func append(_ extent: Int) {
    expect(rank < Shape.maximumRank, "a tensor has at most \(Shape.maximumRank) axes")
    extents[rank] = Shape.checked(extent)
    length += 1
  }

  /// The axes before `axis`.
  public func prefix(_ axis: Int) -> Shape {
    var result = Shape()
    for position in 0..<min(axis, rank) { result.extents[position] = extents[position] }
    result.length = Int8(min(axis, rank))
    return result
  }

  /// The axes from `axis` on.
  public func suffix(from axis: Int) -> Shape {
    var result = Shape()
    let count = max(rank - axis, 0)
    for position in 0..<count { result.extents[position] = extents[axis + position] }
    result.length = Int8(count)
    return result
  }

  /// This shape followed by `other`.
  public static func + (left: Shape, right: Shape) -> Shape {
    var result = left
    for axis in 0..<right.rank { result.append(Int(right.extents[axis])) }
    return result
  }

  /// This shape followed by one more axis.
  ///
  /// It is `self + [extent]` without an array for the literal, of which small products would notice the
  /// time.
  func appending(_ extent: Int) -> Shape {
    var result = self
    result.append(extent)
    return result
  }

  /// The shape that both operands of an elementwise operator are stretched to, or nil.
  ///
  /// Axes are aligned at the end; an extent of 1 is stretched to the other's extent.
  public func broadcast(with other: Shape) -> Shape? {
    if self == other { return self }
    let rank = Swift.max(self.rank, other.rank)
    var result = Shape()
    for axis in 0..<rank {
      let left = axis - rank + self.rank < 0 ? 1 : Int(extents[axis - rank + self.rank])
      let right = axis - rank + other.rank < 0 ? 1 : Int(other.extents[axis - rank + other.rank])
      guard left == right || left == 1 || right == 1 else { return nil }
      result.append(left == 1 ? right : left)
    }
    return result
  }

  /// The shape with these extents, where -1 is replaced by the extent that the number of elements
  /// and the other extents give.
  func reshaped(_ extents: [Int]) -> Shape {
    guard let open = extents.firstIndex(of: -1) else { return Shape(extents) }
    var others = extents
    others[open] = 1
    expect(
      !others.contains(-1),
      "\(self) cannot be reshaped to \(extents): only one extent can follow from the others, so that "
        + "-1 may stand once")
    let known = Shape(others).elementCount
    expect(
      known > 0,
      "\(self) cannot be reshaped to \(extents): beside an extent of 0, any number could stand for -1; "
        + "write the one that is meant")
    expect(
      elementCount % known == 0,
      "\(self) has \(elementCount) elements and cannot be reshaped to \(extents): the other extents "
        + "make \(known), of which that is no multiple")
    others[open] = elementCount / known
    return Shape(others)
  }

  /// The distance in memory between neighbours along each axis, in elements.
  var strides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    for axis in (0..<Swift.max(rank - 1, 0)).reversed() {
      strides[axis] = strides[axis + 1] * Int(extents[axis + 1])
    }
    return strides
  }

  /// This shape with one more axis at position `axis`; -1 puts it last.
  func inserting(_ extent: Int, at axis: Int) -> Shape {
    let position = axis < 0 ? axis + rank + 1 : axis
    expect(
      position >= 0 && position <= rank,
      "no axis can be inserted at \(axis) into shape \(self), which has rank \(rank)")
    return prefix(position) + [extent] + suffix(from: position)
  }

  /// This shape without the given axes; stops unless their extents are 1.
  func removingUnitAxes(_ axes: [Int]) -> Shape {
    let removed = resolve(axes)
    for axis in removed {
      expect(self[axis] == 1, "axis \(axis) of \(self) has not the extent 1 and cannot be removed")
    }
    return Shape((0..<rank).filter { !removed.contains($0) }.map { self[$0] })
  }

  /// The positions of axes counted from the front, in ascending order.
  ///
  /// Stops when an axis does not exist or occurs twice.
  func resolve(_ axes: [Int]) -> [Int] {
    let resolved = axes.map(resolve).sorted()
    expect(
      Set(resolved).count == resolved.count, "an axis occurs twice in \(axes) of shape \(self)")
    return resolved
  }

  /// "[2, 3, 5]".
  public var description: String {
    "[" + array.map(String.init).joined(separator: ", ") + "]"
  }

  private static func checked(_ extent: Int) -> Int32 {
    expect(
      extent >= 0 && extent <= Int(Int32.max),
      "an axis cannot have extent \(extent); it must be between 0 and \(Int32.max)")
    return Int32(extent)
  }
}

extension Shape: Codable {
  /// Reads the list of extents.
  ///
  /// - Throws: `DecodingError` when the numbers are not a shape.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let extents = try container.decode([Int].self)
    // This loop makes sure that the number of elements is below 2^63 before the extents are
    // multiplied.
    var count = 1
    for extent in extents {
      let (product, overflows) = count.multipliedReportingOverflow(by: Swift.max(extent, 1))
      guard extent >= 0, extent <= Int(Int32.max), extents.count <= Shape.maximumRank, !overflows
      else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "\(extents) is no shape of a tensor")
      }
      count = product
    }
    self.init(extents)
  }

  /// Writes the list of extents.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(array)
  }
}
