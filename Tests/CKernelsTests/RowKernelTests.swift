import CKernels
import Foundation
import Testing

/// Softmax and norms of rows against the same formulas in double precision.
@Suite struct RowKernelTests {
  private static func row(_ count: Int, scale: Double, offset: Double = 0) -> [Float] {
    (0..<count).map { Float(sin(Double($0) * 12.9898 + 1) * scale + offset) }
  }

  private static func softmax(_ row: [Float]) -> [Double] {
    let largest = Double(row.max() ?? 0)
    let exponentials = row.map { exp(Double($0) - largest) }
    return exponentials.map { $0 / exponentials.reduce(0, +) }
  }

  /// The units in the last place by which a softmax over `count` numbers may be off, `gap` below
  /// the largest.
  ///
  /// In relative errors of u = 2^-24, a unit in the last place being at least u: x - max is rounded
  /// once, which e^x turns into gap u; the exponential adds 2 units in the last place, up to 4 u; so
  /// each term of the sum is off by (gap + 4) u, on average at most (log count + 4) u, since the mean
  /// gap is log count minus an entropy and more; a sum of positive numbers, in any order, adds
  /// (count - 1) u; the reciprocal and the product 2 u.
  private static func softmaxUlps(_ count: Int, gap: Double) -> Double {
    gap + 4 + log(Double(count)) + 4 + Double(count - 1) + 2 + 1
  }

  @Test("softmax in ulps", arguments: [1, 2, 15, 16, 17, 64, 1000, 4096], [0.1, 3.0, 30.0])
  func softmax(_ count: Int, _ scale: Double) {
    let row = Self.row(count, scale: scale)
    let largest = Double(row.max() ?? 0)
    let unit = Double(Float.ulpOfOne) / 2
    var (values, logarithms) = (row, row)
    ck_softmax_rows_f32(row, &values, 1, count)
    ck_log_softmax_rows_f32(row, &logarithms, 1, count)
    for (index, exact) in Self.softmax(row).enumerated() {
      let gap = largest - Double(row[index])
      #expect(ulps(values[index], from: exact) <= Self.softmaxUlps(count, gap: gap))
      // The sum's relative error is the logarithm's absolute one. What is added to it is rounded, and
      // a logarithm near 0 is the difference of larger numbers: its error is theirs.
      let bound =
        unit * Self.softmaxUlps(count, gap: 0)
        + 6 * unit * max(abs(log(exact)), abs(largest), 1)
      #expect(abs(Double(logarithms[index]) - log(exact)) <= bound)
    }
    // Each number is off by its relative error, of at most the largest gap that is not negligible.
    let sum = values.reduce(0.0) { $0 + Double($1) }
    #expect(abs(sum - 1) < unit * Self.softmaxUlps(count, gap: log(Double(count)) + 1))
  }

  @Test func extremesOfSoftmax() {
    let infinity = Float.infinity
    let rows: [[Float]] = [
      [1e38, -1e38, 1e38, -infinity],
      [-infinity, 5, -infinity, -infinity],
      [1, .nan, 2, 3],
      [.nan, 1, 2, 3],
      [-infinity, -infinity, -infinity, -infinity],
      [.leastNonzeroMagnitude, 0, -.leastNonzeroMagnitude, 0],
    ]
    var values = [Float](repeating: 0, count: 24)
    ck_softmax_rows_f32(rows.flatMap { $0 }, &values, 6, 4)
    #expect(values[0..<4] == [0.5, 0, 0.5, 0])
    #expect(values[4..<8] == [0, 1, 0, 0])
    #expect(values[8..<20].allSatisfy { $0.isNaN }, "no answer is not a wrong answer")
    #expect(values[20..<24] == [0.25, 0.25, 0.25, 0.25])
  }

  @Test func extremesOfCrossEntropy() {
    var loss = [Float](repeating: 0, count: 3)
    var probabilities = [Float](repeating: 0, count: 9)
    ck_cross_entropy_rows_f32(
      [1e30, 0, -1e30, 1e30, 0, -1e30, .nan, 0, 0], [0, 2, 1], &loss, &probabilities, 3, 3)
    #expect(loss[0] == 0)
    #expect(loss[1] == 2e30)
    #expect(loss[2].isNaN)
  }

  /// Attention's masked softmax: the future is exactly 0, whatever stands there.
  @Test func theMaskHidesEvenNaN() {
    var scores: [Float] = [1, .nan, .infinity, 2, 2, .nan, 0, 0, 0]
    ck_attention_softmax_f32(&scores, 0.5, nil, 1, nil, 3, 3, 3, 0)
    #expect(scores[0..<3] == [1, 0, 0])
    #expect(scores[3..<6] == [0.5, 0.5, 0])
    #expect(scores[6..<9].allSatisfy { abs($0 - 1 / 3) < 1e-7 })
  }

  /// Slots beyond one block of inputs, and against the double-precision kernel.
  @Test func slotSoftmaxOfManyInputs() {
    let (slots, inputs) = (3, 150)
    let logits = Self.row(slots * inputs, scale: 8)
    var single = logits
    ck_slot_softmax_f32(&single, 1, slots, inputs)
    for input in 0..<inputs {
      let column = (0..<slots).map { logits[$0 * inputs + input] }
      for (slot, exact) in Self.softmax(column).enumerated() {
        let gap = Double((column.max() ?? 0) - column[slot])
        #expect(
          ulps(single[slot * inputs + input], from: exact) <= Self.softmaxUlps(slots, gap: gap))
      }
    }
  }

  @Test("layer norm in ulps of its largest result", arguments: [1, 7, 16, 192, 1000])
  func layerNorm(_ count: Int) {
    for offset in [0.0, 1000] {
      let row = Self.row(count, scale: 2, offset: offset)
      let (gain, bias) = (Self.row(count, scale: 1, offset: 1), Self.row(count, scale: 0.5))
      var (out, mean, rstd) = (row, [Float(0)], [Float(0)])
      ck_layer_norm_f32(row, gain, bias, 1e-5, &out, &mean, &rstd, 1, count)
      let exact = Self.normalized(row, gain, bias)
      let scale = exact.map(abs).max() ?? 1
      // Summed in any order, the mean is off by count u times the numbers, and the variance likewise;
      // the few operations after that add some units. Standard deviation and gain are between 1 and 2.
      let allowed = Double(count + 8) * Double(Float.ulpOfOne) * (scale + offset)
      #expect(zip(out, exact).allSatisfy { abs(Double($0) - $1) <= allowed }, "offset \(offset)")
    }
  }

  private static func normalized(_ x: [Float], _ gain: [Float], _ bias: [Float]) -> [Double] {
    let count = Double(x.count)
    let mean = x.reduce(0) { $0 + Double($1) } / count
    let variance = x.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
    return x.indices.map {
      (Double(x[$0]) - mean) / (variance + 1e-5).squareRoot() * Double(gain[$0 % gain.count])
        + Double(bias[$0 % bias.count])
    }
  }

  @Test func groupNormOfALargeImage() {
    let (pixels, channels) = (4096, 5)
    let image = Self.row(pixels * channels, scale: 3, offset: 100)
    let (gain, bias) = (Self.row(channels, scale: 1, offset: 1), Self.row(channels, scale: 0.5))
    var (out, mean, rstd) = (image, [Float(0)], [Float(0)])
    ck_group_norm_f32(image, gain, bias, 1e-5, 0, &out, &mean, &rstd, 1, pixels, channels)
    let exact = Self.normalized(image, gain, bias)
    // The numbers of a pixel are summed in single precision, pixels in double.
    let allowed = Double(channels + 8) * Double(Float.ulpOfOne) * 103
    #expect(zip(out, exact).allSatisfy { abs(Double($0) - $1) <= allowed })
    ck_group_norm_f32(image, gain, bias, 1e-5, 1, &out, &mean, &rstd, 1, pixels, channels)
    #expect(zip(out, exact).allSatisfy { abs(Double($0) - max($1, 0)) <= allowed })
  }

  @Test func extremesOfNorms() {
    let rows: [[Float]] = [
      [3, 3, 3, 3], [.nan, 1, 2, 3], [0, 0, 0, 0], [.leastNonzeroMagnitude, 0, 0, 0],
      [.infinity, 1, 2, 3],
    ]
    let (gain, bias) = ([Float](repeating: 1, count: 4), [Float](repeating: 0.25, count: 4))
    var out = [Float](repeating: 0, count: 20)
    var (mean, rstd) = ([Float](repeating: 0, count: 5), [Float](repeating: 0, count: 5))
    ck_layer_norm_f32(rows.flatMap { $0 }, gain, bias, 1e-5, &out, &mean, &rstd, 5, 4)
    #expect(out[0..<4].allSatisfy { $0 == 0.25 }, "a constant row has no direction")
    #expect(out[4..<8].allSatisfy { $0.isNaN })
    #expect(out[8..<16].allSatisfy { abs($0 - 0.25) < 1e-30 })
    #expect(out[16..<20].contains { $0.isNaN })
    ck_group_norm_f32(rows.flatMap { $0 }, gain, bias, 1e-5, 1, &out, &mean, &rstd, 5, 1, 4)
    #expect(out[0..<4].allSatisfy { $0 == 0.25 })
    #expect(out[4..<8].allSatisfy { $0.isNaN }, "a rectifier does not hide NaN")
  }
}
