import TestSupport
import Tensors
import Testing

/// An operator and the inputs at which its derivative is compared with central differences.
struct OperatorCase: Sendable, CustomTestStringConvertible {
  let name: String
  let inputs: [Tensor]
  let function: @Sendable ([Tensor]) throws -> Tensor
  var testDescription: String { name }

  init(
    _ name: String, _ inputs: [Tensor], _ function: @escaping @Sendable ([Tensor]) throws -> Tensor
  ) {
    self.name = name
    self.inputs = inputs
    self.function = function
  }
}

private let a = testTensor([2, 3, 5], seed: 1)
private let b = testTensor([2, 3, 5], seed: 2)
private let row = testTensor([5], seed: 3)
private let column = testTensor([3, 1], seed: 4)
private let positive = testTensor([2, 3, 5], seed: 5, offset: 1.5)

private let basicOperators: [OperatorCase] = [
  OperatorCase("add", [a, b]) { $0[0] + $0[1] },
  OperatorCase("add row", [a, row]) { $0[0] + $0[1] },
  OperatorCase("add column", [column, a]) { $0[0] + $0[1] },
  OperatorCase("add outer", [column, row]) { $0[0] + $0[1] },
  OperatorCase("subtract column", [a, column]) { $0[0] - $0[1] },
  OperatorCase("multiply", [a, b]) { $0[0] * $0[1] },
  OperatorCase("multiply outer", [column, row]) { $0[0] * $0[1] },
  OperatorCase("multiply itself", [a]) { $0[0] * $0[0] },
  OperatorCase("divide", [a, positive]) { $0[0] / $0[1] },
  OperatorCase("divide by row", [a, row + 2]) { $0[0] / $0[1] },
  OperatorCase("affine", [a]) { 3 - $0[0] * 2 },
  OperatorCase("reciprocal", [positive]) { 2 / $0[0] },
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
  OperatorCase("sum of axis 0", [a]) { $0[0].sum(alongAxis: 0) },
  OperatorCase("sum of axis 1, kept", [a]) { $0[0].sum(alongAxis: 1, keepingAxis: true) },
  OperatorCase("mean of axis -1", [a]) { $0[0].mean(alongAxis: -1) },
  OperatorCase("reshape", [a]) { $0[0].reshaped([5, 6]).square() },
  OperatorCase("permute", [a]) { $0[0].permuted([2, 0, 1]).square() },
  OperatorCase("transpose", [a]) { $0[0].transposed() },
  OperatorCase("broadcast", [column]) { $0[0].broadcast(to: [2, 3, 4]) },
  OperatorCase("slice", [a]) { $0[0].slice(1..<3, alongAxis: 1) },
  OperatorCase("slice of the last axis", [a]) { $0[0].slice(2..<4, alongAxis: -1) },
  OperatorCase("pad", [a]) { $0[0].padded(before: 2, to: 6, alongAxis: 1) },
  OperatorCase("concatenate", [a, testTensor([2, 4, 5], seed: 6)]) {
    Tensor.concatenated($0, alongAxis: 1)
  },
  OperatorCase("select samples", [a, b]) { Tensor.selectSamples([false, true], $0[0], $0[1]) },
  OperatorCase("matmul", [testTensor([3, 4]), testTensor([4, 5])]) { $0[0].matmul($0[1]) },
  OperatorCase("matmul, left transposed", [testTensor([4, 3]), testTensor([4, 5])]) {
    $0[0].matmul($0[1], transposingSelf: true)
  },
  OperatorCase("matmul, right transposed", [testTensor([3, 4]), testTensor([5, 4])]) {
    $0[0].matmul($0[1], transposingOther: true)
  },
  OperatorCase("matmul, both transposed", [testTensor([4, 3]), testTensor([5, 4])]) {
    $0[0].matmul($0[1], transposingSelf: true, transposingOther: true)
  },
  OperatorCase("batched matmul", [testTensor([2, 3, 4]), testTensor([2, 4, 5])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("batched matmul, transposed", [testTensor([2, 4, 3]), testTensor([2, 5, 4])]) {
    $0[0].matmul($0[1], transposingSelf: true, transposingOther: true)
  },
  OperatorCase("batch times matrix", [testTensor([2, 3, 4]), testTensor([4, 5])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("matrix times batch", [testTensor([3, 4]), testTensor([2, 4, 5])]) {
    $0[0].matmul($0[1])
  },
  OperatorCase("linear", [testTensor([2, 3, 4]), testTensor([5, 4], seed: 2), testTensor([5])]) {
    $0[0].linear($0[1], bias: $0[2])
  },
  OperatorCase("linear without bias", [testTensor([3, 4]), testTensor([5, 4], seed: 2)]) {
    $0[0].linear($0[1])
  },
  OperatorCase(
    "rectified linear", [testTensor([2, 3, 4]), testTensor([5, 4], seed: 2), testTensor([5])]
  ) { $0[0].linear($0[1], bias: $0[2], rectified: true) },
]

@Suite struct OperatorGradientTests {
  @Test("VJP equals central differences", arguments: basicOperators)
  func basicOperator(_ operation: OperatorCase) throws {
    #expect(try gradientDifference(operation.inputs, of: operation.function) == nil)
  }

  /// d/dx of |dL/dx|^2: the rules are themselves differentiated.
  @Test("second derivatives equal central differences of gradients", arguments: basicOperators)
  func secondDerivative(_ operation: OperatorCase) throws {
    let squaredGradient = { (inputs: [Tensor]) throws -> Tensor in
      let variables = inputs.map { $0.isRecorded ? $0 : $0.variable() }
      let output = try operation.function(variables)
      let loss = (output.square() * testTensor(output.shape, seed: 5)).sum()
      let table = try gradients(of: loss, creatingGraph: true)
      return try variables.map { try #require(table[$0]).square().sum() }
        .reduce(Tensor(0, dtype: .float64), +)
    }
    let variables = operation.inputs.map { $0.variable() }
    let table = try gradients(of: squaredGradient(variables))
    for (position, input) in operation.inputs.enumerated() {
      let base = input.scalars
      let numerical = try base.indices.map { index -> Double in
        let sides = try [1e-5, -1e-5].map { step -> Double in
          var moved = base
          moved[index] += step
          var arguments = operation.inputs
          arguments[position] = Tensor(moved, shape: input.shape, dtype: .float64)
          return try squaredGradient(arguments).scalar
        }
        return (sides[0] - sides[1]) / 2e-5
      }
      let gradient = try #require(table[variables[position]])
      #expect(
        difference(gradient.scalars, numerical, relative: 1e-6, absolute: 1e-6) == nil,
        "input \(position)")
    }
  }
}
