import Tensors
import TestSupport

// Operators whose rules are themselves recorded, so that they have second derivatives.

private let a = testTensor([2, 3, 5], seed: 1)
private let b = testTensor([2, 3, 5], seed: 2)
private let row = testTensor([5], seed: 3)
private let column = testTensor([3, 1], seed: 4)
private let positive = testTensor([2, 3, 5], seed: 5, offset: 1.5)

let basicOperators: [OperatorCase] = [
  OperatorCase("+", [a, b]) { $0[0] + $0[1] },
  OperatorCase("+: row", [a, row]) { $0[0] + $0[1] },
  OperatorCase("+: column", [column, a]) { $0[0] + $0[1] },
  OperatorCase("+: outer", [column, row]) { $0[0] + $0[1] },
  OperatorCase("-: column", [a, column]) { $0[0] - $0[1] },
  OperatorCase("*", [a, b]) { $0[0] * $0[1] },
  OperatorCase("*: outer", [column, row]) { $0[0] * $0[1] },
  OperatorCase("*: itself", [a]) { $0[0] * $0[0] },
  OperatorCase("/", [a, positive]) { $0[0] / $0[1] },
  OperatorCase("/: by a row", [a, row + 2]) { $0[0] / $0[1] },
  OperatorCase("affine", [a]) { $0[0].affine(scale: -2, offset: 3) },
  OperatorCase("+: numbers", [a]) { 2 + $0[0] + 3 },
  OperatorCase("-: numbers", [a]) { 3 - ($0[0] - 2) },
  OperatorCase("-: negation", [a]) { -$0[0] },
  OperatorCase("*: numbers", [a]) { 3 * $0[0] * 2 },
  OperatorCase("/: by a number", [a]) { $0[0] / 4 },
  OperatorCase("+=", [a, row]) { inputs in
    var sum = inputs[0]
    sum += inputs[1]
    return sum
  },
  OperatorCase("-=", [a, row]) { inputs in
    var remainder = inputs[0]
    remainder -= inputs[1]
    return remainder
  },
  OperatorCase("/: reciprocal", [positive]) { 2 / $0[0] },
  OperatorCase("scalingSamples", [a]) { $0[0].scalingSamples(by: [2, -0.5]) },
  OperatorCase("adding", [a, b]) { $0[0].adding($0[1], times: [0, 3]) },
  OperatorCase("keepingSamples", [a]) { $0[0].keepingSamples([false, true]) },
  OperatorCase("replacingSamples", [a, b]) { $0[0].replacingSamples([true, false], with: $0[1]) },
  OperatorCase("exp", [a]) { $0[0].exp() },
  OperatorCase("log", [positive]) { $0[0].log() },
  OperatorCase("sqrt", [positive]) { $0[0].sqrt() },
  OperatorCase("tanh", [a]) { $0[0].tanh() },
  OperatorCase("sigmoid", [a]) { $0[0].sigmoid() },
  OperatorCase("relu", [a]) { $0[0].relu() },
  OperatorCase("abs", [a]) { $0[0].abs() },
  OperatorCase("sin", [a]) { $0[0].sin() },
  OperatorCase("cos", [a]) { $0[0].cos() },
  OperatorCase("square", [a]) { $0[0].square() },
  OperatorCase("sum", [a]) { $0[0].sum() },
  OperatorCase("mean", [a]) { $0[0].mean() },
  OperatorCase("sum: of axis 0", [a]) { $0[0].sum(alongAxis: 0) },
  OperatorCase("sum: of axis 1, kept", [a]) { $0[0].sum(alongAxis: 1, keepingAxis: true) },
  OperatorCase("mean: of axis -1", [a]) { $0[0].mean(alongAxis: -1) },
  OperatorCase("summed", [a]) { $0[0].summed(to: [3, 1]).square() },
  OperatorCase("softmax", [a]) { $0[0].softmax() },
  OperatorCase("logSoftmax", [a]) { $0[0].logSoftmax() },
  OperatorCase("gumbelSoftmax", [a]) {
    $0[0].gumbelSoftmax(noise: b.converted(to: $0[0].dtype), temperature: 0.7)
  },
  OperatorCase("reshaped", [a]) { $0[0].reshaped([5, 6]).square() },
  OperatorCase("reshaped: with an open extent", [a]) { $0[0].reshaped([-1, 5]).square() },
  OperatorCase("permuted", [a]) { $0[0].permuted([2, 0, 1]).square() },
  OperatorCase("permuted: only axes of extent 1 move", [testTensor([2, 1, 4])]) {
    $0[0].permuted([1, 0, 2]).square()
  },
  OperatorCase("transposed", [a]) { $0[0].transposed() },
  OperatorCase("broadcast", [column]) { $0[0].broadcast(to: [2, 3, 4]) },
  OperatorCase("slice", [a]) { $0[0].slice(1..<3, alongAxis: 1) },
  OperatorCase("slice: of the last axis", [a]) { $0[0].slice(2..<4, alongAxis: -1) },
  OperatorCase("padded", [a]) { $0[0].padded(before: 2, to: 6, alongAxis: 1) },
  OperatorCase("concatenated", [a, testTensor([2, 4, 5], seed: 6)]) {
    Tensor.concatenated($0, alongAxis: 1)
  },
  OperatorCase("selectSamples", [a, b]) { Tensor.selectSamples([false, true], $0[0], $0[1]) },
  OperatorCase("samples", [testTensor([4, 2, 3], seed: 7)]) { $0[0].samples([3, 0, 1]) },
  OperatorCase("replacing", [testTensor([4, 2, 3], seed: 7), testTensor([2, 2, 3], seed: 8)]) {
    $0[0].replacing([3, 1], $0[1])
  },
  OperatorCase("matmul", [testTensor([3, 4]), testTensor([4, 5])]) { $0[0].matmul($0[1]) },
  OperatorCase("matmul: left transposed", [testTensor([4, 3]), testTensor([4, 5])]) {
    $0[0].matmul($0[1], transposingSelf: true)
  },
  OperatorCase("matmul: right transposed", [testTensor([3, 4]), testTensor([5, 4])]) {
    $0[0].matmul($0[1], transposingOther: true)
  },
  OperatorCase("matmul: both transposed", [testTensor([4, 3]), testTensor([5, 4])]) {
    $0[0].matmul($0[1], transposingSelf: true, transposingOther: true)
  },
  OperatorCase("matmul: batched", [testTensor([2, 3, 4]), testTensor([2, 4, 5])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("matmul: batched, transposed", [testTensor([2, 4, 3]), testTensor([2, 5, 4])]) {
    $0[0].matmul($0[1], transposingSelf: true, transposingOther: true)
  },
  OperatorCase("matmul: batch times matrix", [testTensor([2, 3, 4]), testTensor([4, 5])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("matmul: matrix times batch", [testTensor([3, 4]), testTensor([2, 4, 5])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("linear", [testTensor([2, 3, 4]), testTensor([5, 4], seed: 2), testTensor([5])]) {
    $0[0].linear($0[1], bias: $0[2])
  },
  OperatorCase("linear: without bias", [testTensor([3, 4]), testTensor([5, 4], seed: 2)]) {
    $0[0].linear($0[1])
  },
  OperatorCase(
    "linear: rectified", [testTensor([2, 3, 4]), testTensor([5, 4], seed: 2), testTensor([5])]
  ) { $0[0].linear($0[1], bias: $0[2], rectified: true) },
]
