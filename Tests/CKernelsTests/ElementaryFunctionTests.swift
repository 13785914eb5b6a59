import CKernels
import Foundation
import Testing

private typealias Kernel<T> = (UnsafePointer<T>?, UnsafeMutablePointer<T>?, Int) -> Void

private func applied<T: BinaryFloatingPoint>(_ kernel: Kernel<T>, _ inputs: [T]) -> [T] {
  var out = [T](repeating: .nan, count: inputs.count)
  kernel(inputs, &out, inputs.count)
  return out
}

/// A function, its kernels, and how far its single-precision results may be from libm's.
struct ElementaryFunction: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let f32: @Sendable (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int) -> Void
  let f64: @Sendable (UnsafePointer<Double>?, UnsafeMutablePointer<Double>?, Int) -> Void
  let exact: @Sendable (Double) -> Double
  let allowedUlps: Double

  static let all: [ElementaryFunction] = [
    ElementaryFunction(
      testDescription: "exp", f32: ck_exp_f32, f64: ck_exp_f64, exact: { exp($0) },
      allowedUlps: 2),
    ElementaryFunction(
      testDescription: "log", f32: ck_log_f32, f64: ck_log_f64, exact: { log($0) },
      allowedUlps: 2),
    ElementaryFunction(
      testDescription: "tanh", f32: ck_tanh_f32, f64: ck_tanh_f64, exact: { tanh($0) },
      allowedUlps: 2),
    ElementaryFunction(
      testDescription: "sigmoid", f32: ck_sigmoid_f32, f64: ck_sigmoid_f64,
      exact: { 1 / (1 + exp(-$0)) }, allowedUlps: 3),
    ElementaryFunction(
      testDescription: "sqrt", f32: ck_sqrt_f32, f64: ck_sqrt_f64, exact: { $0.squareRoot() },
      allowedUlps: 0.5),
    ElementaryFunction(
      testDescription: "sin", f32: ck_sin_f32, f64: ck_sin_f64, exact: { sin($0) },
      allowedUlps: 1),
    ElementaryFunction(
      testDescription: "cos", f32: ck_cos_f32, f64: ck_cos_f64, exact: { cos($0) },
      allowedUlps: 1),
  ]
}

@Suite struct ElementaryFunctionTests {
  /// A million bit patterns over all floats: both signs, denormals, infinities and NaN included.
  private static let sweep = stride(from: UInt32(0), through: .max - 4099, by: 4099)
    .map { Float(bitPattern: $0) }
  /// Densely over the range in which the exponential functions vary.
  private static let dense = (-900_000...900_000).map { Float($0) * 1e-4 }

  @Test(
    "single precision stays within a few ulps of libm",
    arguments: ElementaryFunction.all + ElementaryFunction.library)
  func accuracy(_ function: ElementaryFunction) {
    for inputs in [Self.dense, Self.sweep] {
      let usual = inputs.filter { input in
        // Results and arguments below the normal range are taken as 0; see the next test.
        let exact = abs(function.exact(Double(input)))
        return input.isNormal && (exact == 0 || exact >= 1.1760e-38 || exact.isNaN)
      }
      let worst = worstUlps(applied(function.f32, usual), usual, function.exact)
      #expect(
        worst.ulps <= function.allowedUlps,
        "\(function.testDescription)(\(worst.input)) = \(worst.value)")
    }
  }

  @Test("angles near multiples of pi / 2, and beyond those that the polynomials reach")
  func angles() {
    let multiples = (-70_000...70_000).flatMap { turn -> [Float] in
      let angle = Float(Double(turn) * .pi / 2)
      return [angle.nextDown, angle, angle.nextUp]
    }
    let sine = applied(ck_sin_f32, multiples)
    let cosine = applied(ck_cos_f32, multiples)
    #expect(worstUlps(sine, multiples) { sin($0) }.ulps <= 0.51)
    #expect(worstUlps(cosine, multiples) { cos($0) }.ulps <= 0.51)
    // A neighbour for which libm is asked changes no bit.
    for index in stride(from: 0, to: multiples.count, by: 997) {
      let pair = [multiples[index], 3e30]
      #expect(applied(ck_sin_f32, pair)[0].bitPattern == sine[index].bitPattern)
      #expect(applied(ck_cos_f32, pair)[0].bitPattern == cosine[index].bitPattern)
    }
    #expect(applied(ck_sin_f32, [-0.0])[0].sign == .minus)
  }

  @Test(
    "double precision is libm's", arguments: ElementaryFunction.all + ElementaryFunction.library)
  func doublePrecision(_ function: ElementaryFunction) {
    let inputs = (-7000...7000).map { Double($0) * 0.1037 } + [.infinity, -.infinity, .nan, 0]
    for (value, input) in zip(applied(function.f64, inputs), inputs) {
      #expect(
        ulps(value, from: function.exact(input)) <= 1, "\(function.testDescription)(\(input))")
    }
  }

  @Test func extremesOfExp() {
    let largest = Float(88.722_83)
    let values = applied(
      ck_exp_f32,
      [
        .infinity, -.infinity, .nan, 0, -0.0, largest, largest.nextUp, 1e30, -87.33, -88, -1e30,
        .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
      ])
    #expect(values[0] == .infinity)
    #expect(values[1] == 0)
    #expect(values[2].isNaN)
    #expect(values[3] == 1 && values[4] == 1)
    #expect(ulps(values[5], from: exp(Double(largest))) <= 2)
    #expect(values[6] == .infinity || ulps(values[6], from: exp(Double(largest.nextUp))) <= 2)
    #expect(values[7] == .infinity)
    #expect(values[8] >= 0 && values[8] < 1.2e-38)
    #expect(values[9] == 0 && values[10] == 0, "results below the normal range are 0")
    #expect(values[11] == 1 && values[12] == 1)
  }

  @Test func extremesOfLog() {
    let values = applied(
      ck_log_f32,
      [
        .infinity, -.infinity, .nan, 0, -0.0, -1, 1, .leastNormalMagnitude,
        .greatestFiniteMagnitude,
        .leastNonzeroMagnitude,
      ])
    #expect(values[0] == .infinity)
    #expect(values[1].isNaN && values[2].isNaN && values[5].isNaN)
    #expect(values[3] == -.infinity && values[4] == -.infinity)
    #expect(values[6] == 0)
    #expect(ulps(values[7], from: log(Double(Float.leastNormalMagnitude))) <= 2)
    #expect(ulps(values[8], from: log(Double(Float.greatestFiniteMagnitude))) <= 2)
    #expect(values[9] == -.infinity, "an argument below the normal range is taken as 0")
  }

  @Test func extremesOfTanhAndSigmoid() {
    let inputs: [Float] = [
      .infinity, -.infinity, .nan, 0, -0.0, .leastNonzeroMagnitude, -1e-30, 100, -100, 1e38, -1e38,
    ]
    let tanh = applied(ck_tanh_f32, inputs)
    #expect(tanh[0] == 1 && tanh[1] == -1 && tanh[2].isNaN)
    #expect(tanh[3] == 0 && tanh[4] == 0)
    #expect(tanh[5] == .leastNonzeroMagnitude && tanh[6] == -1e-30)
    #expect(tanh[7...10] == [1, -1, 1, -1])
    let sigmoid = applied(ck_sigmoid_f32, inputs)
    #expect(sigmoid[0] == 1 && sigmoid[1] == 0 && sigmoid[2].isNaN)
    #expect(sigmoid[3] == 0.5 && sigmoid[4] == 0.5)
    #expect(sigmoid[7...10] == [1, 0, 1, 0])
  }

  /// What is not a number must not be hidden by a rectifier, a norm or a search.
  @Test func nothingHidesNaN() {
    #expect(applied(ck_relu_f32, [.nan, -1, 2])[0].isNaN)
    #expect(applied(ck_abs_f32, [.nan])[0].isNaN)
    for position in [0, 15, 16, 40] {
      var row = [Float](repeating: 1, count: 41)
      row[position] = .nan
      #expect(ck_max_abs_f32(row, 41).isNaN)
      #expect(ck_first_nonfinite_f32(row, 41) == position)
      row[position] = -.infinity
      #expect(ck_max_abs_f32(row, 41) == .infinity)
      #expect(ck_first_nonfinite_f32(row, 41) == position)
      row[position] = -7
      #expect(ck_max_abs_f32(row, 41) == 7)
      #expect(ck_first_nonfinite_f32(row, 41) == -1)
    }
  }

  /// Every length, so that the vectorised body and the remainder are both met; nothing is written
  /// beyond the end.
  @Test func everyLength() {
    for count in 0...70 {
      let inputs = (0..<count).map { Float($0) * 0.37 - 9 }
      var out = [Float](repeating: -5, count: count + 16)
      ck_exp_f32(inputs, &out, count)
      for (value, input) in zip(out, inputs) {
        #expect(ulps(value, from: exp(Double(input))) <= 2)
      }
      #expect(out[count...].allSatisfy { $0 == -5 })
    }
  }
}
