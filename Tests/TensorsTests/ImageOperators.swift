import Tensors
import TestSupport

// Pooling and transposed convolution of images, activations and norms of models: each beside the same
// function in other operators. Every dimension of a case is distinct.

private let image = testTensor([2, 5, 7, 3], seed: 61)
private let rows = testTensor([2, 5, 6], seed: 62)

let imageOperators: [OperatorCase] = [
  transposed(kernel: 3),
  transposed(kernel: 2, stride: 2),
  transposed(kernel: 3, stride: 2, padding: 1, outputPadding: 1),
  transposed(kernel: 4, stride: 3, padding: 2, bias: false),
  transposed(kernel: 1, stride: 3, outputPadding: 2),
  pooled(isMax: false, kernel: 2), pooled(isMax: false, kernel: 3, stride: 1, padding: 1),
  pooled(isMax: false, kernel: 2, stride: 3),
  pooled(isMax: true, kernel: 2), pooled(isMax: true, kernel: 3, stride: 2, padding: 1),
  pooled(isMax: true, kernel: 4, stride: 1, padding: 2),
  adaptivelyPooled(1, 1), adaptivelyPooled(2, 3), adaptivelyPooled(5, 4), adaptivelyPooled(8, 9),
  OperatorCase("rmsNorm", [rows, testTensor([6], seed: 63)]) {
    $0[0].rmsNorm(gain: $0[1], epsilon: 0.01)
  } composition: {
    let square = ($0[0] * $0[0]).sum(alongAxis: 2, keepingAxis: true) / 6
    return $0[0] / (square + 0.01).sqrt() * $0[1]
  },
  OperatorCase(
    "groupNorm: two groups", [rows, testTensor([6], seed: 64), testTensor([6], seed: 65)]
  ) {
    $0[0].groupNorm(gain: $0[1], bias: $0[2], groups: 2, epsilon: 0.01)
  } composition: {
    let halves = $0[0].reshaped([2, 5, 2, 3])
    return Composed.normalized(halves, over: [1, 3], epsilon: 0.01).reshaped([2, 5, 6]) * $0[1]
      + $0[2]
  },
  OperatorCase("gelu", [rows]) {
    ($0[0] * 3).gelu()
  } composition: {
    let x = $0[0] * 3
    return x / 2 + x * (x / 2.0.squareRoot()).erf() / 2
  },
  OperatorCase("geluTanh", [rows]) {
    ($0[0] * 3).geluTanh()
  } composition: {
    let x = $0[0] * 3
    let inner = (x + 0.044715 * x.pow(3)) * (2 / Double.pi).squareRoot()
    return x / 2 + x * inner.tanh() / 2
  },
  OperatorCase("silu", [rows]) {
    ($0[0] * 3).silu()
  } composition: {
    $0[0] * 3 / (1 + ($0[0] * -3).exp())
  },
]

private func transposed(
  kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0, bias: Bool = true
) -> OperatorCase {
  let weight = testTensor([3, 4, kernel, kernel], seed: 66 + kernel)
  return OperatorCase(
    "convolution2DTransposed: kernel \(kernel), stride \(stride), padding \(padding), output "
      + "padding \(outputPadding)",
    bias ? [image, weight, testTensor([4], seed: 71)] : [image, weight]
  ) {
    $0[0].convolution2DTransposed(
      $0[1], bias: bias ? $0[2] : nil, stride: stride, padding: padding,
      outputPadding: outputPadding)
  } composition: {
    let sum = Composed.spread(
      $0[0], $0[1], stride: stride, padding: padding, outputPadding: outputPadding)
    return bias ? sum + $0[2] : sum
  }
}

private func pooled(
  isMax: Bool, kernel: Int, stride: Int? = nil, padding: Int = 0
) -> OperatorCase {
  OperatorCase(
    "\(isMax ? "maxPooled" : "averagePooled"): kernel \(kernel), stride \(stride ?? kernel), padding \(padding)",
    [image]
  ) {
    isMax
      ? $0[0].maxPooled(kernel: kernel, stride: stride, padding: padding)
      : $0[0].averagePooled(kernel: kernel, stride: stride, padding: padding)
  } composition: { inputs in
    let ranges = { (extent: Int) -> [Range<Int>] in
      (0...(extent + 2 * padding - kernel) / (stride ?? kernel)).map { index in
        let first = index * (stride ?? kernel) - padding
        return max(first, 0)..<min(first + kernel, extent)
      }
    }
    return Composed.cells(inputs[0], ranges(5), ranges(7)) { cell in
      isMax
        ? cell.max(alongAxes: [1, 2], keepingAxes: true)
        : cell.sum(alongAxes: [1, 2], keepingAxes: true) / Double(kernel * kernel)
    }
  }
}

private func adaptivelyPooled(_ height: Int, _ width: Int) -> OperatorCase {
  OperatorCase("adaptiveAveragePooled: \(height) x \(width)", [image]) {
    $0[0].adaptiveAveragePooled(height: height, width: width)
  } composition: { inputs in
    let ranges = { (extent: Int, cells: Int) -> [Range<Int>] in
      (0..<cells).map { cell in
        let (first, end) = (cell * extent, (cell + 1) * extent)
        return first / cells..<(end / cells + (end % cells > 0 ? 1 : 0))
      }
    }
    return Composed.cells(inputs[0], ranges(5, height), ranges(7, width)) {
      $0.mean(alongAxes: [1, 2], keepingAxes: true)
    }
  }
}

extension Composed {
  /// What `reduce` makes of each cell of a grid of rows and columns, in its place.
  static func cells(
    _ x: Tensor, _ rows: [Range<Int>], _ columns: [Range<Int>], _ reduce: (Tensor) -> Tensor
  ) -> Tensor {
    .concatenated(
      rows.map { row in
        .concatenated(
          columns.map { reduce(x.slice(row, alongAxis: 1).slice($0, alongAxis: 2)) }, alongAxis: 2)
      }, alongAxis: 1)
  }

  /// A transposed convolution: each position of the kernel adds a product, spread out by the stride.
  static func spread(
    _ x: Tensor, _ weight: Tensor, stride: Int, padding: Int, outputPadding: Int
  ) -> Tensor {
    let kernel = weight.shape[2]
    let sizes = [1, 2].map { (x.shape[$0] - 1) * stride + kernel + outputPadding }
    var sum = Tensor.zeros([x.shape[0], sizes[0], sizes[1], weight.shape[1]], dtype: x.dtype)
    for row in 0..<kernel {
      for column in 0..<kernel {
        let matrix = weight[.all, .all, row, column]
        let ends = [row + (x.shape[1] - 1) * stride + 1, column + (x.shape[2] - 1) * stride + 1]
        sum = sum.updating(
          [
            .all, .stride(from: row, to: ends[0], by: stride),
            .stride(from: column, to: ends[1], by: stride),
          ], adding: x.matmul(matrix))
      }
    }
    return sum.slice(padding..<sizes[0] - padding, alongAxis: 1)
      .slice(padding..<sizes[1] - padding, alongAxis: 2)
  }
}

extension RandomOperator {
  static let images: [RandomOperator] = [
    RandomOperator("gelu") { $0.gelu() }, RandomOperator("geluTanh") { $0.geluTanh() },
    RandomOperator("silu") { $0.silu() },
    RandomOperator("rmsNorm") { drawn in
      let shape = drawn.shape()
      return OperatorCase("rmsNorm", [drawn.tensor(shape), drawn.tensor([shape[-1]])]) {
        $0[0].rmsNorm(gain: $0[1], epsilon: 0.1)
      }
    },
    RandomOperator("convolution2DTransposed") { drawn in
      let (kernel, stride) = (drawn.number(1...3), drawn.number(1...2))
      let (channels, out) = (drawn.number(1...3), drawn.number(1...3))
      let padding = drawn.number(0...(kernel - 1) / 2)
      let outputPadding = drawn.number(0...stride - 1)
      let inputs = [
        drawn.tensor([drawn.number(1...2), drawn.number(1...3), drawn.number(1...3), channels]),
        drawn.tensor([channels, out, kernel, kernel]), drawn.tensor([out]),
      ]
      return OperatorCase("convolution2DTransposed", inputs) {
        $0[0].convolution2DTransposed(
          $0[1], bias: $0[2], stride: stride, padding: padding, outputPadding: outputPadding)
      }
    },
    RandomOperator("averagePooled") { drawn in
      let (kernel, stride, shape) = drawn.pooling()
      let padding = drawn.number(0...kernel / 2)
      return OperatorCase("averagePooled", [drawn.tensor(shape)]) {
        $0[0].averagePooled(kernel: kernel, stride: stride, padding: padding)
      }
    },
    RandomOperator("maxPooled") { drawn in
      let (kernel, stride, shape) = drawn.pooling()
      let padding = drawn.number(0...kernel / 2)
      return OperatorCase("maxPooled", [drawn.tensor(shape)]) {
        $0[0].maxPooled(kernel: kernel, stride: stride, padding: padding)
      }
    },
    RandomOperator("adaptiveAveragePooled") { drawn in
      let (height, width) = (drawn.number(1...4), drawn.number(1...4))
      return OperatorCase("adaptiveAveragePooled", [drawn.tensor(drawn.pooling().shape)]) {
        $0[0].adaptiveAveragePooled(height: height, width: width)
      }
    },
  ]
}

extension Drawn {
  fileprivate mutating func pooling() -> (kernel: Int, stride: Int, shape: Shape) {
    let kernel = number(1...3)
    let shape: Shape = [number(1...2), number(kernel...5), number(kernel...5), number(1...3)]
    return (kernel, number(1...3), shape)
  }
}
