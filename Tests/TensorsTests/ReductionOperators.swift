import Tensors
import TestSupport

// Reductions over axes, and orders.

private let a = testTensor([2, 3, 5], seed: 1)

let reductionOperators: [OperatorCase] = [
  OperatorCase("sum: of axes", [a]) { $0[0].sum(alongAxes: [0, -1]).square() },
  OperatorCase("mean: of axes, kept", [a]) { $0[0].mean(alongAxes: [1, 2], keepingAxes: true) },
  OperatorCase("max", [a]) { $0[0].max() }, OperatorCase("min", [a]) { $0[0].min() },
  OperatorCase("max: of an axis", [a]) { $0[0].max(alongAxis: 1, keepingAxis: true) },
  OperatorCase("min: of axes", [a]) { $0[0].min(alongAxes: [0, 2], keepingAxes: true) },
  OperatorCase("variance", [a]) { $0[0].variance() },
  OperatorCase("variance: of axes", [a]) {
    $0[0].variance(alongAxes: [0, 2], correction: 1, keepingAxes: true)
  },
  OperatorCase("standardDeviation", [a]) { $0[0].standardDeviation(alongAxis: -1) },
  OperatorCase("logSumExp", [a]) { $0[0].logSumExp() },
  OperatorCase("logSumExp: of axes", [a]) {
    $0[0].logSumExp(alongAxes: [0, 1], keepingAxes: true)
  },
  OperatorCase("product", [a]) { $0[0].product() },
  OperatorCase("product: of an axis", [a]) { $0[0].product(alongAxis: 2, keepingAxis: true) },
  OperatorCase("sorted", [a]) { $0[0].sorted(alongAxis: 1).square() * $0[0] },
  OperatorCase("topK", [a]) { $0[0].topK(2).values.square() },
  OperatorCase("cumulativeSum", [a]) { $0[0].cumulativeSum(alongAxis: 1).square() },
]

extension RandomOperator {
  static let reductions: [RandomOperator] = [
    RandomOperator("max") { $0.max() }, RandomOperator("min") { $0.min(alongAxis: 0) },
    RandomOperator("max") { drawn in
      let shape = drawn.shape()
      let axes = drawn.axes(shape)
      return OperatorCase("max", [drawn.tensor(shape)]) { $0[0].max(alongAxes: axes) }
    },
    RandomOperator("sum") { drawn in
      let shape = drawn.shape()
      let axes = drawn.axes(shape)
      return OperatorCase("sum", [drawn.tensor(shape)]) { $0[0].sum(alongAxes: axes) }
    },
    RandomOperator("variance") { $0.variance() + $0.sum() },
    RandomOperator("standardDeviation") { drawn in
      let shape: Shape = [2] + drawn.shape().prefix(3)
      return OperatorCase("standardDeviation", [drawn.tensor(shape)]) {
        $0[0].standardDeviation(alongAxis: 0)
      }
    },
    RandomOperator("logSumExp") { drawn in
      let shape = drawn.shape()
      let axes = drawn.axes(shape)
      return OperatorCase("logSumExp", [drawn.tensor(shape)]) { $0[0].logSumExp(alongAxes: axes) }
    },
    RandomOperator("product") { $0.product(alongAxis: 0) },
    RandomOperator("sorted") { $0.sorted() }, RandomOperator("topK") { $0.topK(1).values },
    RandomOperator("cumulativeSum") { $0.cumulativeSum(alongAxis: 0, reversed: true) },
    RandomOperator("of") { drawn in
      OperatorCase("of", [drawn.tensor(drawn.shape())]) { inputs in
        try CustomOperator("cube") {
          $0[0] * $0[0] * $0[0]
        } pullback: { v, x, _ in
          [v * x[0].square() * 3]
        }.of(inputs)
      }
    },
  ]
}
