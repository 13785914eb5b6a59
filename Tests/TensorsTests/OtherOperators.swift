import Tensors
import TestSupport

// What is recorded beside operators on elements: solutions, parts that are computed again, seams.

private let a = testTensor([2, 3], seed: 41)
private let square = testTensor([3, 3], seed: 42, scale: 0.5)

let otherOperators: [OperatorCase] = [
  OperatorCase("solve", [testTensor([2, 3, 3], seed: 43, scale: 0.4), a]) {
    try ($0[0] + Tensor.identity(3, dtype: $0[0].dtype) * 2).solving($0[1])
  },
  OperatorCase("solve: transposed", [testTensor([2, 3, 3], seed: 44, scale: 0.4), a]) {
    try LUFactorization(of: $0[0] + Tensor.identity(3, dtype: $0[0].dtype) * 2)
      .solve($0[1], transposed: true)
  },
  OperatorCase("recomputed", [a, square]) { inputs in
    // One is given, the other captured.
    let shift = inputs[1].sum(alongAxis: 0)
    return try recomputed([inputs[0], inputs[0].sin()]) {
      [($0[0].matmul(inputs[1]) + shift).tanh(), $0[0] * $0[1]]
    }.reduce(inputs[0], *)
  },
  OperatorCase("recomputed: one in another", [a, square]) { inputs in
    try recomputed([inputs[0]]) { outer in
      let inner = try recomputed(outer) { [$0[0].matmul(inputs[1]).tanh()] }
      return [inner[0].matmul(inputs[1])]
    }[0]
  },
  OperatorCase("withElements", [a]) { inputs in
    inputs[0].tanh().withElements(of: inputs[0].tanh())
  },
  OperatorCase("gated", [a]) { inputs in
    CotangentGate().gated(inputs[0].tanh(), passes: { [true, true] })
  },
  OperatorCase("of: a custom operator", [a, a + 1]) { inputs in
    try CustomOperator("product of sines") {
      $0[0].sin() * $0[1].sin()
    } pullback: { v, x, _ in
      [v * x[0].cos() * x[1].sin(), v * x[0].sin() * x[1].cos()]
    }.of(inputs)
  },
  OperatorCase("transformingCotangent", [a]) { inputs in
    inputs[0].tanh().transformingCotangent(differentiatesAgain: true) { ($0 * 2 + $0) / 3 }
  },
]
