import Tensors
import TestSupport

// Subscripts, gathering, stacking and other rearrangements.

private let a = testTensor([2, 3, 5], seed: 1)
private let deep = testTensor([4, 3, 2, 5], seed: 9)
private let matrix = testTensor([4, 4], seed: 10)
private let picks: IntTensor = [[1, 0, 1], [-1, 2, 0]]
private let lines = ([[[4, 0]], [[2, 2]]] as IntTensor).broadcast(to: [2, 3, 2])
private let mask: BoolTensor = [[true, false, true], [false, true, true]]

let indexingOperators: [OperatorCase] = [
  OperatorCase("selecting", [deep]) { $0[0][-1, 1..., 0, ..<3].square() },
  OperatorCase("selecting: every second, backwards", [deep]) {
    $0[0][.stride(by: -2), .all, .newAxis, -1, .stride(from: 1, by: 2)].square()
  },
  OperatorCase("selecting: ellipsis", [deep]) { $0[0][..., 1].square() * $0[0][0, ..., 1] },
  OperatorCase("selecting: positions", [deep]) { $0[0][picks, 1].square() },
  OperatorCase("selecting: positions of two axes", [deep]) {
    $0[0][picks, [0, 2, 1] as IntTensor].square()
  },
  OperatorCase("selecting: positions apart", [deep]) {
    $0[0][[0, 3] as IntTensor, 1..., [1, 1] as IntTensor].square()
  },
  OperatorCase("selecting: a mask", [a]) { $0[0][mask].square() },
  OperatorCase("updating", [a, testTensor([3, 2], seed: 11)]) {
    $0[0].updating([.ellipsis, .stride(from: 1, by: 3)], with: $0[1]).square()
  },
  OperatorCase("updating: positions", [a, testTensor([5], seed: 12)]) {
    $0[0].updating([1, [2, 0] as IntTensor], with: $0[1]).square()
  },
  OperatorCase("updating: a mask", [a, testTensor([], seed: 12)]) {
    $0[0].updating([mask], with: $0[1]).square()
  },
  OperatorCase("updating: adding", [a, testTensor([3], seed: 12)]) {
    $0[0].updating([.all, .all, 2], adding: $0[1]).square()
  },
  OperatorCase("updating: adding twice", [a, testTensor([4, 5], seed: 12)]) {
    $0[0].updating([0, [2, 0, 2, 2] as IntTensor], adding: $0[1]).square()
  },
  OperatorCase("gathered", [deep]) { $0[0].gathered(picks, alongAxis: 1).square() },
  OperatorCase("summedByPosition", [testTensor([2, 2, 3, 4], seed: 13)]) {
    $0[0].summedByPosition([[1, 0, 1], [-1, 1, 0]], alongAxis: 1, extent: 3).square()
  },
  OperatorCase("elements", [a]) {
    $0[0].elements(at: lines, alongAxis: 2).square()
  },
  OperatorCase("flattened", [a]) { $0[0].flattened().square() },
  OperatorCase("expandedDimensions", [a]) { $0[0].expandedDimensions(at: -2).square() },
  OperatorCase("squeezed", [testTensor([1, 3, 1, 2])]) { $0[0].squeezed().square() },
  OperatorCase("squeezed: an axis", [testTensor([1, 3, 1, 2])]) {
    $0[0].squeezed(axis: -2).square()
  },
  OperatorCase("swappedAxes", [a]) { $0[0].swappedAxes(0, -1).square() },
  OperatorCase("movedAxis", [a]) { $0[0].movedAxis(from: -1, to: 0).square() },
  OperatorCase("stacked", [a, testTensor([2, 3, 5], seed: 14)]) {
    Tensor.stacked($0, alongAxis: -1)
  },
  OperatorCase("split", [testTensor([2, 6])]) {
    let parts = $0[0].split(parts: 3, alongAxis: 1)
    return parts[0] * parts[1] + parts[2]
  },
  OperatorCase("split: extents", [testTensor([2, 6])]) {
    let parts = $0[0].split(extents: [1, 5], alongAxis: 1)
    return parts[0] * parts[1]
  },
  OperatorCase("flipped", [a]) { $0[0].flipped(alongAxis: 1).square() },
  OperatorCase("rolled", [a]) { $0[0].rolled(by: 2, alongAxis: -1).square() },
  OperatorCase("repeated", [a]) { $0[0].repeated(2, alongAxis: 1).square() },
  OperatorCase("tiled", [a]) { $0[0].tiled([2, 1, 3]).square() },
  OperatorCase("diagonal", [testTensor([3, 2, 3])]) { $0[0].diagonal(0, -1).square() },
  OperatorCase("lowerTriangle", [matrix]) { $0[0].lowerTriangle().square() + $0[0] },
  OperatorCase("upperTriangle", [matrix]) { $0[0].upperTriangle(diagonal: 1).square() + $0[0] },
  OperatorCase("einsum", [testTensor([2, 3, 4]), testTensor([2, 4, 5], seed: 2)]) {
    Tensor.einsum("bij,bjk->bki", $0[0], $0[1])
  },
  OperatorCase("einsum: three operands", [testTensor([3]), testTensor([3, 4]), testTensor([4])]) {
    Tensor.einsum("i,ij,j", $0[0], $0[1], $0[2])
  },
  OperatorCase("einsum: a trace", [matrix]) { Tensor.einsum("ii->", $0[0]).square() },
  OperatorCase("einsum: elementwise", [testTensor([2, 3]), testTensor([3, 2], seed: 2)]) {
    Tensor.einsum("ij,ji->ij", $0[0], $0[1])
  },
  OperatorCase("einsum: ellipsis", [testTensor([2, 1, 4]), testTensor([3, 4, 5], seed: 2)]) {
    Tensor.einsum("...j,...jk->k...", $0[0], $0[1])
  },
  OperatorCase("matmul: vectors", [testTensor([4]), testTensor([4], seed: 2)]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("matmul: a vector and matrices", [testTensor([4]), testTensor([2, 4, 3])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("matmul: matrices and a vector", [testTensor([2, 3, 4]), testTensor([4])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("matmul: stretched", [testTensor([2, 1, 3, 4]), testTensor([5, 4, 2])]) {
    $0[0].matmul($0[1])
  },
]

extension RandomOperator {
  static let indexing: [RandomOperator] = [
    RandomOperator("selecting") { drawn in
      let shape = drawn.shape()
      let indices = drawn.indices(shape)
      return OperatorCase("selecting", [drawn.tensor(shape)]) { $0[0].selecting(indices) }
    },
    RandomOperator("selecting") { drawn in
      let shape = drawn.shape()
      // One element at least, so that there is something to differentiate.
      let mask = drawn.mask(shape).updating([.ellipsis, 0], with: true)
      return OperatorCase("selecting", [drawn.tensor(shape)]) { $0[0][mask] }
    },
    RandomOperator("updating") { drawn in
      let shape = drawn.shape()
      let indices = drawn.indices(shape, repeating: false)
      let part = Tensor.zeros(shape).selecting(indices).shape
      let inputs = [drawn.tensor(shape), drawn.tensor(drawn.stretched(part))]
      return OperatorCase("updating", inputs) { $0[0].updating(indices, with: $0[1]) + $0[0] }
    },
    RandomOperator("updating") { drawn in
      let shape = drawn.shape()
      let indices = drawn.indices(shape)
      let part = Tensor.zeros(shape).selecting(indices).shape
      let inputs = [drawn.tensor(shape), drawn.tensor(drawn.stretched(part))]
      return OperatorCase("updating", inputs) { $0[0].updating(indices, adding: $0[1]) }
    },
    RandomOperator("gathered") { drawn in
      let shape = drawn.shape()
      let axis = drawn.axis(shape)
      let picks = drawn.positions(drawn.shape().prefix(2), below: shape[axis])
      return OperatorCase("gathered", [drawn.tensor(shape)]) {
        $0[0].gathered(picks, alongAxis: axis)
      }
    },
    RandomOperator("summedByPosition") { drawn in
      let (before, after) = (drawn.shape().prefix(1), drawn.shape().prefix(1))
      let picks = drawn.positions(drawn.shape().prefix(2), below: 3)
      return OperatorCase("summedByPosition", [drawn.tensor(before + picks.shape + after)]) {
        $0[0].summedByPosition(picks, alongAxis: 1, extent: 3)
      }
    },
    RandomOperator("elements") { drawn in
      var shape = drawn.shape()
      let (input, axis) = (drawn.tensor(shape), drawn.axis(shape))
      let extent = shape[axis]
      shape[axis] = drawn.number(1...4)
      let picks = drawn.positions(shape, below: extent)
      return OperatorCase("elements", [input]) { $0[0].elements(at: picks, alongAxis: axis) }
    },
  ]

  static let arrangement: [RandomOperator] = [
    RandomOperator("flattened") { $0.flattened() }, RandomOperator("squeezed") { $0.squeezed() },
    RandomOperator("expandedDimensions") { $0.reshaped([$0.count]).expandedDimensions(at: 0) },
    RandomOperator("swappedAxes") { $0.swappedAxes(0, -1) },
    RandomOperator("movedAxis") { $0.movedAxis(from: 0, to: -1) },
    RandomOperator("stacked") { drawn in
      let (shape, axis) = (drawn.shape().prefix(3), -drawn.number(1...2))
      let inputs = (0..<drawn.number(1...3)).map { _ in drawn.tensor(shape) }
      return OperatorCase("stacked", inputs) { .stacked($0, alongAxis: axis) }
    },
    RandomOperator("split") { drawn in
      var shape = drawn.shape()
      let axis = drawn.axis(shape)
      shape[axis] *= 2
      return OperatorCase("split", [drawn.tensor(shape)]) {
        let parts = $0[0].split(parts: 2, alongAxis: axis)
        return parts[0] * parts[1]
      }
    },
    RandomOperator("flipped") { $0.flipped(alongAxis: -1) },
    RandomOperator("rolled") { $0.rolled(by: -3, alongAxis: 0) },
    RandomOperator("repeated") { $0.repeated(2, alongAxis: 0) },
    RandomOperator("tiled") { $0.tiled([2, 1, 2]) },
    RandomOperator("diagonal") { drawn in
      let n = drawn.number(1...4)
      return OperatorCase("diagonal", [drawn.tensor([n, drawn.number(1...3), n])]) {
        $0[0].diagonal(0, 2)
      }
    },
    RandomOperator("lowerTriangle") {
      $0.reshaped([1, $0.count]).lowerTriangle(diagonal: 2) + $0.sum()
    },
    RandomOperator("upperTriangle") {
      $0.reshaped([1, $0.count]).upperTriangle(diagonal: 1) + $0.sum()
    },
    RandomOperator("einsum") { drawn in
      let (b, i, j, k) = (
        drawn.number(1...3), drawn.number(1...3), drawn.number(1...3), drawn.number(1...3)
      )
      return OperatorCase("einsum", [drawn.tensor([b, i, j]), drawn.tensor([j, b, k])]) {
        Tensor.einsum("bij,jbk->ikb", $0[0], $0[1])
      }
    },
  ]
}

extension Drawn {
  /// Indices of every kind for some of the axes.
  mutating func indices(_ shape: Shape, repeating: Bool = true) -> [any TensorIndex] {
    var indices: [any TensorIndex] = []
    for axis in 0..<number(1...shape.rank) {
      let extent = shape[axis]
      if number(0...4) == 0 { indices.append(.newAxis) }
      switch number(0...4) {
      case 0: indices.append(number(-extent...extent - 1))
      case 1: indices.append(number(0...extent - 1)..<extent)
      case 2: indices.append(.stride(by: flag() ? -1 : 2))
      case 3 where repeating: indices.append(positions([number(1...3)], below: extent))
      default: indices.append(.all)
      }
    }
    // Index tensors are broadcast together, so that at most one has more than one position.
    var hasPositions = false
    indices = indices.map { index in
      guard let positions = index as? IntTensor else { return index }
      defer { hasPositions = true }
      return hasPositions ? positions[0..<1] : positions
    }
    return indices
  }
}
