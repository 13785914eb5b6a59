import Tensors
import TestSupport

// Operators with rules of their own making, each beside the same function written with basic
// operators. Every dimension of a case is distinct.

private let norms = [
  testTensor([2, 3, 5], seed: 11), testTensor([5], seed: 12), testTensor([5], seed: 13),
]
private let image = testTensor([2, 5, 6, 3], seed: 14)
private let logits = testTensor([2, 3, 5], seed: 15, scale: 2)
private let attended = [
  testTensor([2, 3, 6], seed: 16), testTensor([2, 5, 6], seed: 17),
  testTensor([2, 5, 6], seed: 18),
]
private let slots = [testTensor([2, 3, 4], seed: 19), testTensor([2, 5, 4], seed: 20)]
private let gates = [
  testTensor([3, 12], seed: 22), testTensor([3, 12], seed: 23), testTensor([3, 4], seed: 24),
]
private let table = testTensor([4, 3], seed: 25)
private let ids: IntTensor = [[2, 0, 2], [3, 2, 0]]

let fusedOperators: [OperatorCase] = [
  OperatorCase("layerNorm", norms) {
    $0[0].layerNorm(gain: $0[1], bias: $0[2])
  } composition: {
    Composed.normalized($0[0], over: [2], epsilon: 1e-5) * $0[1] + $0[2]
  },
  OperatorCase("layerNorm: large epsilon", norms) {
    $0[0].layerNorm(gain: $0[1], bias: $0[2], epsilon: 0.5)
  } composition: {
    Composed.normalized($0[0], over: [2], epsilon: 0.5) * $0[1] + $0[2]
  },
  OperatorCase("groupNorm", norms) {
    $0[0].groupNorm(gain: $0[1], bias: $0[2])
  } composition: {
    Composed.normalized($0[0], over: [1, 2], epsilon: 1e-5) * $0[1] + $0[2]
  },
  OperatorCase("groupNorm: rectified", norms) {
    $0[0].groupNorm(gain: $0[1], bias: $0[2], epsilon: 0.1, rectified: true)
  } composition: {
    (Composed.normalized($0[0], over: [1, 2], epsilon: 0.1) * $0[1] + $0[2]).relu()
  },
  convolution(kernel: 1),
  convolution(kernel: 1, stride: 2, padding: 1),
  convolution(kernel: 3, padding: 1),
  convolution(kernel: 3, stride: 2, bias: false),
  convolution(kernel: 4, stride: 4, padding: 2),
  convolution(kernel: 4, stride: 3, padding: 1, bias: false),
  OperatorCase("pixelShuffled", [testTensor([2, 3, 5, 8], seed: 26)]) {
    $0[0].pixelShuffled()
  } composition: {
    $0[0].reshaped([2, 3, 5, 2, 2, 2]).permuted([0, 1, 4, 2, 5, 3]).reshaped([2, 6, 10, 2])
  },
  attention(heads: 1),
  attention(heads: 3),
  attention(heads: 2, causal: true),
  attention(heads: 2, dropout: 0.4),
  attention(heads: 3, causal: true, dropout: 0.3),
  OperatorCase("slotMeans", slots) {
    Tensor.slotMeans(
      queries: $0[0], inputs: $0[1], inputsTransposed: $0[1].transposed(), scale: 0.7,
      epsilon: 0.01)
  } composition: {
    let shares = Composed.slotAttention($0[0], $0[1].transposed(), scale: 0.7) + 0.01
    return (shares / shares.sum(alongAxis: -1, keepingAxis: true)).matmul($0[1])
  },
  OperatorCase("gruGates", gates) {
    Tensor.gruGates(inputs: $0[0], hidden: $0[1], state: $0[2])
  } composition: {
    let (inputs, hidden, state) = ($0[0], $0[1], $0[2])
    let gate = { (tensor: Tensor, index: Int) in
      tensor.slice(index * 4..<(index + 1) * 4, alongAxis: 1)
    }
    let r = (gate(inputs, 0) + gate(hidden, 0)).sigmoid()
    let z = (gate(inputs, 1) + gate(hidden, 1)).sigmoid()
    let n = (gate(inputs, 2) + r * gate(hidden, 2)).tanh()
    return (1 - z) * n + z * state
  },
  OperatorCase("crossEntropy", [logits]) {
    $0[0].crossEntropy(targets: [[1, 4, 0], [2, 2, 3]])
  } composition: {
    let classes = Composed.oneHot([1, 4, 0, 2, 2, 3], 5, $0[0].dtype).reshaped([2, 3, 5])
    return -($0[0].logSoftmax() * classes).sum(alongAxis: -1)
  },
  OperatorCase("rows: repeated ids", [table]) {
    $0[0].rows(ids)
  } composition: {
    Composed.oneHot(ids, 4, $0[0].dtype).matmul($0[0]).reshaped([2, 3, 3])
  },
  OperatorCase("dropout", [testTensor([2, 3, 50], seed: 27)]) { inputs in
    var generator = Philox(seed: 3)
    return inputs[0].dropout(0.3, using: &generator)
  } composition: { inputs in
    inputs[0] * Composed.mask(0.3, [2, 3, 50], inputs[0].dtype, Philox(seed: 3))
  },
]

/// Operators with a fused kernel whose rules are recorded, so that they have second derivatives.
let recordedCompositions: [OperatorCase] = [
  OperatorCase("softmax", [logits]) {
    $0[0].softmax()
  } composition: {
    let exponentials = $0[0].exp()
    return exponentials / exponentials.sum(alongAxis: -1, keepingAxis: true)
  },
  OperatorCase("logSoftmax", [logits]) {
    $0[0].logSoftmax()
  } composition: {
    $0[0] - $0[0].exp().sum(alongAxis: -1, keepingAxis: true).log()
  },
  OperatorCase("gumbelSoftmax", [logits]) {
    $0[0].gumbelSoftmax(noise: norms[0].converted(to: $0[0].dtype), temperature: 0.6)
  } composition: {
    let exponentials = (($0[0] + norms[0].converted(to: $0[0].dtype)) / 0.6).exp()
    return exponentials / exponentials.sum(alongAxis: -1, keepingAxis: true)
  },
  OperatorCase(
    "linear: rectified",
    [norms[0], testTensor([4, 5], seed: 28), gates[2].slice(0..<1).reshaped([4])]
  ) {
    $0[0].linear($0[1], bias: $0[2], rectified: true)
  } composition: {
    ($0[0].matmul($0[1].transposed()) + $0[2]).relu()
  },
]

private func convolution(
  kernel: Int, stride: Int = 1, padding: Int = 0, bias: Bool = true
) -> OperatorCase {
  let weight = testTensor([4, 3, kernel, kernel], seed: 30 + kernel)
  return OperatorCase(
    "convolution2D: kernel \(kernel), stride \(stride), padding \(padding)\(bias ? ", bias" : "")",
    bias ? [image, weight, testTensor([4], seed: 29)] : [image, weight]
  ) {
    $0[0].convolution2D($0[1], bias: bias ? $0[2] : nil, stride: stride, padding: padding)
  } composition: {
    let sum = Composed.correlation($0[0], $0[1], stride: stride, padding: padding)
    return bias ? sum + $0[2] : sum
  }
}

private func attention(heads: Int, causal: Bool = false, dropout: Double = 0) -> OperatorCase {
  OperatorCase(
    "attention: \(heads) heads\(causal ? ", causal" : "")\(dropout > 0 ? ", dropout" : "")",
    attended
  ) {
    var generator = Philox(seed: 4)
    return Tensor.attention(
      queries: $0[0], keys: $0[1], values: $0[2], heads: heads, causal: causal, dropout: dropout,
      using: &generator)
  } composition: {
    Composed.attention(
      $0[0], $0[1], $0[2], heads: heads, causal: causal, dropout: dropout, Philox(seed: 4))
  }
}
