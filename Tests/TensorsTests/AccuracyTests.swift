import Foundation
import Tensors
import TestSupport
import Testing

/// Digits that a plainer formula would lose, and sums of many numbers or of none.
@Suite struct AccuracyTests {
  private func slope(at x: Double, of f: (Tensor) throws -> Tensor) throws -> Double {
    try gradient(at: Tensor(x, dtype: .float64)) { try f($0) }.scalar
  }

  private func expectNear(_ value: Double, _ expected: Double, relative: Double) {
    #expect(abs(value - expected) <= relative * abs(expected), "\(value) is not \(expected)")
  }

  /// Neither BLAS nor the tiles of single-precision products have a product to begin with.
  ///
  /// More than 16 rows are multiplied in other tiles than fewer.
  @Test(
    "a product over an empty axis is zero", arguments: [DType.float32, .float64], [3, 40])
  func emptySums(_ dtype: DType, _ rows: Int) throws {
    let (x, weight) = (Tensor.zeros([rows, 0], dtype: dtype), Tensor.zeros([9, 0], dtype: dtype))
    // Memory that is used again holds other numbers.
    _ = Tensor.full(7, [rows, 9], dtype: dtype)
    #expect(x.linear(weight) == .zeros([rows, 9], dtype: dtype))
    #expect(x.matmul(weight, transposingOther: true) == .zeros([rows, 9], dtype: dtype))
    let bias = Tensor((0..<9).map(Double.init), shape: [9], dtype: dtype)
    #expect(x.linear(weight, bias: bias) == bias.broadcast(to: [rows, 9]))
    let gradients = try gradient(at: [x, weight, bias]) {
      $0[0].linear($0[1], bias: $0[2]).sum()
    }
    #expect(gradients[0] == x && gradients[1] == weight)
    #expect(gradients[2] == .full(Double(rows), [9], dtype: dtype))
  }

  /// With logits a and a + 1, the probabilities are 1 / (1 + e) and e / (1 + e).
  ///
  /// Single-precision numbers near 2^20 are 1/8 apart, so log(1 + e) must not be added to one of them.
  @Test func logProbabilitiesOfLargeLogits() throws {
    let logits = Tensor([1_048_576, 1_048_577], shape: [1, 2])
    let e = 2.718281828459045
    let expected = [-log(1 + e), 1 - log(1 + e)]
    for (place, value) in logits.logSoftmax().scalars.enumerated() {
      expectNear(value, expected[place], relative: 1e-6)
      let loss = logits.crossEntropy(targets: IntTensor([place])).scalar
      expectNear(loss, -expected[place], relative: 1e-6)
    }
    // The derivative of the second log-probability: minus the first probability, and plus it.
    let slopes = try gradient(at: logits) { $0.logSoftmax()[0, 1] }.scalars
    expectNear(slopes[0], -1 / (1 + e), relative: 1e-6)
    expectNear(slopes[1], 1 / (1 + e), relative: 1e-6)
  }

  /// The single-precision number nearest to 0.1, 2^20 times: the sum is that number with another exponent.
  @Test func longSumsOfOneSign() {
    let (count, number) = (1 << 20, Double(Float(0.1)))
    let sum = number * Double(count)
    let columns = Tensor.full(number, [count, 2])
    for value in columns.sum(alongAxis: 0).scalars + [columns.sum().scalar / 2] {
      expectNear(value, sum, relative: 1e-5)
    }
    for value in columns.mean(alongAxis: 0).scalars { expectNear(value, number, relative: 1e-5) }
    for value in columns.cumulativeSum(alongAxis: 0)[-1].scalars {
      expectNear(value, sum, relative: 1e-7)
    }
    let backwards = columns.transposed().cumulativeSum(alongAxis: 1, reversed: true)
    for value in backwards[..., 0].scalars { expectNear(value, sum, relative: 1e-7) }
  }

  /// Whole numbers, whose sums are exact in any order, in more rows and columns than a block has.
  @Test("sums are complete in blocks", arguments: [DType.float32, .float64])
  func blocks(_ dtype: DType) {
    let (outer, rows, columns) = (2, 600, 1100)
    let number = { (o: Int, r: Int, c: Int) in (o * 5 + r * 7 + c * 3) % 11 }
    let x = Tensor(
      (0..<outer * rows * columns).map {
        Double(number($0 / (rows * columns), $0 / columns % rows, $0 % columns))
      }, shape: [outer, rows, columns], dtype: dtype)
    let (sums, running) = (x.sum(alongAxis: 1), x.cumulativeSum(alongAxis: 1))
    let reversed = x.cumulativeSum(alongAxis: 1, reversed: true)
    for o in 0..<outer {
      for c in [0, 17, 1023, 1024, 1099] {
        let line = (0..<rows).map { number(o, $0, c) }
        #expect(sums[o, c].scalar == Double(line.reduce(0, +)))
        #expect(running[o, 400, c].scalar == Double(line[...400].reduce(0, +)))
        #expect(reversed[o, 400, c].scalar == Double(line[400...].reduce(0, +)))
      }
    }
  }

  /// At x = 1 - d and 1 + d with d = 2^-27, 1 - x^2 = 2 d - d^2 and x^2 - 1 = 2 d + d^2.
  ///
  /// The rounded x^2 has lost d^2, which is 4e-9 of them.
  @Test func derivativesOfInverseFunctionsNearOne() throws {
    let d = 0x1p-27
    for sign in [1.0, -1] {
      let x = sign * (1 - d)
      expectNear(try slope(at: x) { $0.asin() }, 1 / (2 * d - d * d).squareRoot(), relative: 1e-15)
      expectNear(try slope(at: x) { $0.acos() }, -1 / (2 * d - d * d).squareRoot(), relative: 1e-15)
      expectNear(try slope(at: x) { $0.atanh() }, 1 / (2 * d - d * d), relative: 1e-15)
    }
    expectNear(
      try slope(at: 1 + d) { $0.acosh() }, 1 / (2 * d + d * d).squareRoot(), relative: 1e-15)
  }
}
