import Tensors
import TestSupport

/// An operator at shapes and values that are drawn.
struct RandomOperator: Sendable {
  let name: String
  private let make: @Sendable (inout Drawn) -> OperatorCase

  init(_ name: String, _ make: @escaping @Sendable (inout Drawn) -> OperatorCase) {
    self.name = name
    self.make = make
  }

  /// An operator on one tensor of any shape.
  init(
    _ name: String, offset: Double = 0, of function: @escaping @Sendable (Tensor) -> Tensor
  ) {
    self.init(name) { drawn in
      OperatorCase(name, [drawn.tensor(drawn.shape(), offset: offset)]) { function($0[0]) }
    }
  }

  /// An operator on two tensors of which one, or both, may be stretched.
  init(
    _ name: String, offset: Double = 0,
    ofPair function: @escaping @Sendable (Tensor, Tensor) -> Tensor
  ) {
    self.init(name) { drawn in
      let shape = drawn.shape()
      let inputs = [
        drawn.tensor(drawn.stretched(shape)), drawn.tensor(drawn.stretched(shape), offset: offset),
      ]
      return OperatorCase(name, inputs) { function($0[0], $0[1]) }
    }
  }

  /// The case of a seed.
  func drawn(_ seed: UInt64) -> OperatorCase {
    var drawn = Drawn(seed: seed)
    let made = make(&drawn)
    let shapes = made.inputs.map { "\($0.shape)" }.joined(separator: " ")
    return OperatorCase("\(name): seed \(seed), \(shapes)", made.inputs, made.function)
  }

  static let cases = all.flatMap { operation in (1...3).map { operation.drawn($0) } }
}

/// Extents, shapes and values, from a seed.
struct Drawn {
  private var generator: Philox

  init(seed: UInt64) { generator = Philox(seed: seed) }

  mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &generator)
  }

  mutating func flag() -> Bool { Bool.random(using: &generator) }
  mutating func flags(_ count: Int) -> [Bool] { (0..<count).map { _ in flag() } }

  /// Ranks 1 to 4, extents 1 to 4.
  mutating func shape() -> Shape { Shape((0..<number(1...4)).map { _ in number(1...4) }) }

  /// A shape that broadcasts to `shape`: some of the last axes, some of extent 1.
  mutating func stretched(_ shape: Shape) -> Shape {
    let kept = shape.suffix(from: number(0...shape.rank)).array
    return Shape(kept.map { flag() ? $0 : 1 })
  }

  mutating func axis(_ shape: Shape) -> Int { number(0...shape.rank - 1) }

  mutating func axes(_ shape: Shape) -> [Int] { (0..<shape.rank).filter { _ in flag() } }

  /// Positions below an extent, also counted from the end.
  mutating func positions(_ shape: Shape, below extent: Int) -> IntTensor {
    IntTensor((0..<shape.elementCount).map { _ in number(0...extent - 1) }, shape: shape)
  }

  mutating func mask(_ shape: Shape) -> BoolTensor {
    BoolTensor(flags(shape.elementCount), shape: shape)
  }

  /// Numbers in (-1, 1), away from zero, where some functions have kinks, and shifted.
  mutating func tensor(_ shape: Shape, offset: Double = 0) -> Tensor {
    let numbers = (0..<shape.elementCount).map { _ -> Double in
      let size = generator.uniform(in: 0.1...1)
      return (flag() ? size : -size) + offset
    }
    return Tensor(numbers, shape: shape, dtype: .float64)
  }
}

extension RandomOperator {
  static let all: [RandomOperator] =
    elementwise + elementary + layout + indexing + arrangement + reductions + products + networks
    + images
}
