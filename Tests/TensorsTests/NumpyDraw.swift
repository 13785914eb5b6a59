import Tensors

/// What `Draw` of make_numpy_answers.py draws, bit by bit.
struct NumpyDraw {
  private var state: UInt64
  var dtype = DType.float64

  init(_ seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 }

  /// SplitMix64 (Steele, Lea and Flood 2014).
  private mutating func bits() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func number(_ low: Int, _ high: Int) -> Int {
    low + Int(bits() % UInt64(high - low + 1))
  }

  mutating func flag() -> Bool { number(0, 1) == 1 }

  mutating func shape(_ least: Int = 0, rank: Int? = nil) -> Shape {
    let rank = rank ?? number(0, 4)
    return Shape((0..<rank).map { _ in number(0, 9) == 0 ? least : number(1, 4) })
  }

  mutating func shape(_ least: Int = 0, ranks: ClosedRange<Int>) -> Shape {
    shape(least, rank: number(ranks.lowerBound, ranks.upperBound))
  }

  mutating func stretched(_ shape: Shape) -> Shape {
    let kept = shape.suffix(from: number(0, shape.rank)).array
    return Shape(kept.map { flag() ? 1 : $0 })
  }

  mutating func tensor(_ shape: Shape, _ low: Int = -16, _ high: Int = 16) -> Tensor {
    let numbers = (0..<shape.elementCount).map { _ in Double(number(low, high)) / 8 }
    return Tensor(numbers, shape: shape, dtype: dtype)
  }

  mutating func axis(_ shape: Shape) -> Int { number(0, shape.rank - 1) }

  mutating func axes(_ shape: Shape) -> [Int] { (0..<shape.rank).filter { _ in flag() } }

  mutating func positions(_ shape: Shape, below: Int) -> IntTensor {
    IntTensor((0..<shape.elementCount).map { _ in number(-below, below - 1) }, shape: shape)
  }

  mutating func mask(_ shape: Shape) -> BoolTensor {
    BoolTensor((0..<shape.elementCount).map { _ in flag() }, shape: shape)
  }

  mutating func permutation(_ rank: Int) -> [Int] {
    let keys = (0..<rank).map { _ in number(0, 1_000_000) }
    return (0..<rank).sorted { (keys[$0], $0) < (keys[$1], $1) }
  }

  /// A shape, and indices into it.
  mutating func selection() -> (shape: Shape, indices: [any TensorIndex]) {
    let shape = shape(1, ranks: 1...4)
    var (indices, axis): ([any TensorIndex], Int) = ([], 0)
    while axis < shape.rank, indices.count < 5 {
      let extent = shape[axis]
      switch number(0, 4) {
      case 0: indices.append(number(-extent, extent - 1))
      case 1:
        let low = number(0, extent)
        indices.append(low..<number(low, extent))
      case 2: indices.append(.stride(by: flag() ? -1 : 2))
      case 3:
        indices.append(.newAxis)
        axis -= 1
      default: indices.append(.all)
      }
      axis += 1
    }
    return (shape, indices)
  }
}
