import Tensors
import TestSupport

// Functions of one number, comparisons' choices, powers and extremes.

private let a = testTensor([2, 3, 5], seed: 1)
private let b = testTensor([2, 3, 5], seed: 2)
private let row = testTensor([5], seed: 3)
private let column = testTensor([3, 1], seed: 4)
private let positive = testTensor([2, 3, 5], seed: 5, offset: 1.5)
private let mask = b .> 0.1

let elementaryOperators: [OperatorCase] = [
  OperatorCase("tan", [a]) { $0[0].tan() },
  OperatorCase("asin", [a]) { ($0[0] * 0.7).asin() },
  OperatorCase("acos", [a]) { ($0[0] * 0.7).acos() },
  OperatorCase("atan", [a]) { $0[0].atan() },
  OperatorCase("atan2", [a, positive]) { Tensor.atan2($0[0], $0[1]) },
  OperatorCase("atan2: outer", [column, row + 2]) { Tensor.atan2($0[0], $0[1]) },
  OperatorCase("sinh", [a]) { $0[0].sinh() },
  OperatorCase("cosh", [a]) { $0[0].cosh() },
  OperatorCase("asinh", [a]) { $0[0].asinh() },
  OperatorCase("acosh", [positive]) { ($0[0] + 1).acosh() },
  OperatorCase("atanh", [a]) { ($0[0] * 0.7).atanh() },
  OperatorCase("expm1", [a]) { $0[0].expm1() },
  OperatorCase("log1p", [positive]) { $0[0].log1p() },
  OperatorCase("exp2", [a]) { $0[0].exp2() },
  OperatorCase("log2", [positive]) { $0[0].log2() },
  OperatorCase("log10", [positive]) { $0[0].log10() },
  OperatorCase("erf", [a]) { $0[0].erf() },
  OperatorCase("reciprocal", [positive]) { $0[0].reciprocal() },
  OperatorCase("rsqrt", [positive]) { $0[0].rsqrt() },
  OperatorCase("softplus", [a]) { $0[0].softplus() },
  OperatorCase("floor", [a]) { ($0[0] * 3).floor() + $0[0] },
  OperatorCase("ceil", [a]) { ($0[0] * 3).ceil() + $0[0] },
  OperatorCase("trunc", [a]) { ($0[0] * 3).trunc() + $0[0] },
  OperatorCase("round", [a]) { ($0[0] * 3).round() + $0[0] },
  OperatorCase("sign", [a]) { $0[0].sign() + $0[0] },
  OperatorCase("pow: a number", [positive]) { $0[0].pow(2.5) },
  OperatorCase("pow: a whole number", [a]) { $0[0].pow(3) },
  OperatorCase("pow: tensors", [positive, a]) { $0[0].pow($0[1]) },
  OperatorCase("pow: outer", [column + 2, row]) { $0[0].pow($0[1]) },
  OperatorCase("`where`", [a, b]) { Tensor.where(mask, $0[0], $0[1]) },
  OperatorCase("`where`: stretched", [column, row]) { Tensor.where(mask, $0[0], $0[1]) },
  OperatorCase("`where`: a number", [a]) { Tensor.where(mask, $0[0], 2) },
  OperatorCase("maximum", [a, b]) { Tensor.maximum($0[0], $0[1]) },
  OperatorCase("maximum: outer", [column, row]) { Tensor.maximum($0[0], $0[1]) },
  OperatorCase("maximum: a number", [a]) { Tensor.maximum($0[0], 0.2) },
  OperatorCase("minimum", [a, b]) { Tensor.minimum($0[0], $0[1]) },
  OperatorCase("minimum: a number", [a]) { Tensor.minimum($0[0], 0.2) },
  OperatorCase("clamped", [a]) { $0[0].clamped(to: -0.5...0.4) },
  OperatorCase("clamped: below", [a]) { $0[0].clamped(to: (-0.5)...) },
  OperatorCase("clamped: above", [a]) { $0[0].clamped(to: ...0.4) },
  OperatorCase("*=", [a, row]) { inputs in
    var product = inputs[0]
    product *= inputs[1]
    product *= 2
    return product
  },
  OperatorCase("/=", [a, row]) { inputs in
    var quotient = inputs[0]
    quotient /= inputs[1] + 3
    quotient /= 2
    return quotient
  },
  OperatorCase("*: single-precision numbers", [a]) { Float(0.5) * $0[0] * Float(3) },
  OperatorCase("+: single-precision numbers", [a]) { Float(0.5) + $0[0] + Float(3) },
  OperatorCase("-: single-precision numbers", [a]) { Float(0.5) - ($0[0] - Float(3)) },
  OperatorCase("/: single-precision numbers", [positive]) { Float(0.5) / ($0[0] / Float(4)) },
]

extension RandomOperator {
  static let elementary: [RandomOperator] = [
    RandomOperator("tan") { $0.tan() }, RandomOperator("atan") { $0.atan() },
    RandomOperator("asin") { ($0 * 0.6).asin() }, RandomOperator("acos") { ($0 * 0.6).acos() },
    RandomOperator("atan2", offset: 3) { Tensor.atan2($0, $1) },
    RandomOperator("sinh") { $0.sinh() }, RandomOperator("cosh") { $0.cosh() },
    RandomOperator("asinh") { $0.asinh() }, RandomOperator("acosh", offset: 3) { $0.acosh() },
    RandomOperator("atanh") { ($0 * 0.6).atanh() }, RandomOperator("expm1") { $0.expm1() },
    RandomOperator("log1p", offset: 1) { $0.log1p() }, RandomOperator("exp2") { $0.exp2() },
    RandomOperator("log2", offset: 2) { $0.log2() },
    RandomOperator("log10", offset: 2) { $0.log10() }, RandomOperator("erf") { $0.erf() },
    RandomOperator("reciprocal", offset: 2) { $0.reciprocal() },
    RandomOperator("rsqrt", offset: 2) { $0.rsqrt() },
    RandomOperator("softplus") { $0.softplus() }, RandomOperator("floor") { $0.floor() + $0 },
    RandomOperator("ceil") { $0.ceil() + $0 }, RandomOperator("trunc") { $0.trunc() + $0 },
    RandomOperator("round") { ($0 * 0.49).round() + $0 }, RandomOperator("sign") { $0.sign() + $0 },
    RandomOperator("pow", offset: 3) { $0.pow(1.7) },
    RandomOperator("pow", offset: 3) { $1.pow($0) },
    RandomOperator("maximum") { Tensor.maximum($0, $1) },
    RandomOperator("minimum") { Tensor.minimum($0, $1) },
    RandomOperator("clamped") { $0.clamped(to: -0.31...0.62) },
    RandomOperator("`where`") { drawn in
      let shape = drawn.shape()
      let mask = drawn.mask(drawn.stretched(shape))
      // Both are used somewhere.
      let inputs = [drawn.tensor(drawn.stretched(shape)), drawn.tensor(drawn.stretched(shape))]
      return OperatorCase("`where`", inputs) {
        Tensor.where(mask, $0[0], $0[1]) + 0.1 * $0[0] + 0.2 * $0[1]
      }
    },
  ]
}
