/// The order in which a broadcast visits its operands, cut into the longest inner runs in which
/// each operand is either contiguous (step 1) or a single number (step 0).
struct BroadcastRuns {
  let innerCount: Int
  let innerSteps: [Int]
  private let outerExtents: [Int]
  private let outerStrides: [[Int]]

  init(of operands: [Shape], to shape: Shape) {
    let strides = operands.map { operand -> [Int] in
      var stride = 1
      var result = [Int](repeating: 0, count: shape.rank)
      for axis in (0..<operand.rank).reversed() {
        let extent = operand[axis]
        if extent != 1 { result[axis + shape.rank - operand.rank] = stride }
        stride *= extent
      }
      return result
    }
    // Axes are added to the inner run, beginning with the last one, while every operand remains
    // contiguous or a single number.
    var axis = shape.rank
    var inner = 1
    var steps = [Int?](repeating: nil, count: operands.count)
    while axis > 0 {
      let extent = shape[axis - 1]
      if extent != 1 {
        let fits = operands.indices.allSatisfy { index in
          switch steps[index] {
          case nil: true
          case 0: strides[index][axis - 1] == 0
          default: strides[index][axis - 1] == inner
          }
        }
        guard fits else { break }
        for index in operands.indices where steps[index] == nil {
          steps[index] = strides[index][axis - 1] == 0 ? 0 : 1
        }
        inner *= extent
      }
      axis -= 1
    }
    innerCount = inner
    innerSteps = steps.map { $0 ?? 1 }
    outerExtents = (0..<axis).map { shape[$0] }
    outerStrides = strides.map { Array($0.prefix(axis)) }
  }

  func forEach(_ body: (_ outOffset: Int, _ offsets: [Int]) -> Void) {
    let total = outerExtents.reduce(1, *)
    guard total > 0, innerCount > 0 else { return }
    var index = [Int](repeating: 0, count: outerExtents.count)
    var offsets = [Int](repeating: 0, count: outerStrides.count)
    for run in 0..<total {
      body(run * innerCount, offsets)
      var axis = outerExtents.count - 1
      while axis >= 0 {
        index[axis] += 1
        for operand in offsets.indices { offsets[operand] += outerStrides[operand][axis] }
        if index[axis] < outerExtents[axis] { break }
        for operand in offsets.indices {
          offsets[operand] -= outerStrides[operand][axis] * outerExtents[axis]
        }
        index[axis] = 0
        axis -= 1
      }
    }
  }
}
