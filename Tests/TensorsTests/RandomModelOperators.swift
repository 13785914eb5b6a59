import Tensors

extension RandomOperator {
  static let products: [RandomOperator] = [
    RandomOperator("matmul") { drawn in
      let (m, k, n) = (drawn.number(1...4), drawn.number(1...4), drawn.number(1...4))
      let (aTransposed, bTransposed) = (drawn.flag(), drawn.flag())
      let lead = Shape((0..<drawn.number(0...2)).map { _ in drawn.number(1...3) })
      let leads = drawn.number(0...2)
      let a = (leads == 1 ? Shape() : lead) + (aTransposed ? [k, m] : [m, k])
      let b = (leads == 2 ? Shape() : lead) + (bTransposed ? [n, k] : [k, n])
      return OperatorCase("matmul", [drawn.tensor(a), drawn.tensor(b)]) {
        $0[0].matmul($0[1], transposingSelf: aTransposed, transposingOther: bTransposed)
      }
    },
    RandomOperator("linear") { drawn in
      let (width, out) = (drawn.number(1...4), drawn.number(1...4))
      let (hasBias, rectified) = (drawn.flag(), drawn.flag())
      let inputs = [
        drawn.tensor(drawn.shape().prefix(2) + [width]), drawn.tensor([out, width]),
        drawn.tensor([out]),
      ]
      return OperatorCase("linear", hasBias ? inputs : Array(inputs.prefix(2))) {
        $0[0].linear($0[1], bias: hasBias ? $0[2] : nil, rectified: rectified)
      }
    },
    RandomOperator("solve") { drawn in
      let (batch, n) = (drawn.number(1...3), drawn.number(1...4))
      let transposed = drawn.flag()
      let matrices = drawn.tensor([batch, n, n]) * 0.3 + Tensor.identity(n, dtype: .float64) * 2
      return OperatorCase("solve", [matrices, drawn.tensor([batch, n])]) {
        try LUFactorization(of: $0[0]).solve($0[1], transposed: transposed)
      }
    },
  ]

  static let networks: [RandomOperator] = [
    RandomOperator("layerNorm") { drawn in
      let width = drawn.number(2...5)
      let inputs = [
        drawn.tensor(drawn.shape().prefix(2) + [width]), drawn.tensor([width]),
        drawn.tensor([width]),
      ]
      return OperatorCase("layerNorm", inputs) {
        $0[0].layerNorm(gain: $0[1], bias: $0[2], epsilon: 0.1)
      }
    },
    RandomOperator("groupNorm") { drawn in
      let (width, rectified) = (drawn.number(2...4), drawn.flag())
      let inputs = [
        drawn.tensor(drawn.shape().prefix(3) + [width]), drawn.tensor([width]),
        drawn.tensor([width]),
      ]
      return OperatorCase("groupNorm", inputs) {
        $0[0].groupNorm(gain: $0[1], bias: $0[2], epsilon: 0.1, rectified: rectified)
      }
    },
    RandomOperator("convolution2D") { drawn in
      let (kernel, stride) = (drawn.number(1...3), drawn.number(1...2))
      let (padding, hasBias) = (drawn.number(0...1), drawn.flag())
      let (channels, out) = (drawn.number(1...3), drawn.number(1...3))
      let image: Shape = [
        drawn.number(1...2), drawn.number(kernel...4), drawn.number(kernel...4), channels,
      ]
      let inputs = [
        drawn.tensor(image), drawn.tensor([out, channels, kernel, kernel]), drawn.tensor([out]),
      ]
      return OperatorCase("convolution2D", hasBias ? inputs : Array(inputs.prefix(2))) {
        $0[0].convolution2D(
          $0[1], bias: hasBias ? $0[2] : nil, stride: stride, padding: padding)
      }
    },
    RandomOperator("attention") { drawn in
      let (heads, causal) = (drawn.number(1...3), drawn.flag())
      let (batch, m) = (drawn.number(1...2), drawn.number(1...3))
      let width = heads * drawn.number(1...2)
      let n = m + drawn.number(0...2)
      let dropout = drawn.flag() ? 0.3 : 0
      let inputs = [m, n, n].map { drawn.tensor([batch, $0, width]) }
      return OperatorCase("attention", inputs) {
        var generator = Philox(seed: 9)
        return Tensor.attention(
          queries: $0[0], keys: $0[1], values: $0[2], heads: heads, causal: causal,
          dropout: dropout, using: &generator)
      }
    },
    RandomOperator("slotMeans") { drawn in
      let (batch, width) = (drawn.number(1...2), drawn.number(1...4))
      let inputs = [drawn.number(1...3), drawn.number(1...4)].map {
        drawn.tensor([batch, $0, width])
      }
      return OperatorCase("slotMeans", inputs) {
        Tensor.slotMeans(
          queries: $0[0], inputs: $0[1], inputsTransposed: $0[1].transposed(), scale: 0.6,
          epsilon: 0.01)
      }
    },
    RandomOperator("gruGates") { drawn in
      let (rows, width) = (drawn.number(1...3), drawn.number(1...3))
      let inputs = [3 * width, 3 * width, width].map { drawn.tensor([rows, $0]) }
      return OperatorCase("gruGates", inputs) {
        Tensor.gruGates(inputs: $0[0], hidden: $0[1], state: $0[2])
      }
    },
    RandomOperator("crossEntropy") { drawn in
      let shape = drawn.shape()
      let rows = shape.elementCount / shape[-1]
      let targets = drawn.positions([rows], below: shape[-1])
      return OperatorCase("crossEntropy", [drawn.tensor(shape)]) {
        $0[0].crossEntropy(targets: targets)
      }
    },
  ]
}
