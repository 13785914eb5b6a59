import Foundation
import TestSupport
import Testing

@testable import Tensors

/// A draw by name: the numbers of a tensor of the given shape.
struct Draw: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let numbers: @Sendable (Shape, DType, inout Philox) -> Tensor

  static let uniform = Draw(testDescription: "uniform") {
    .uniform($0, dtype: $1, using: &$2)
  }
  static let normal = Draw(testDescription: "normal") { .normal($0, dtype: $1, using: &$2) }
  static let gumbel = Draw(testDescription: "gumbel") { .gumbel($0, dtype: $1, using: &$2) }
  static let dropout = Draw(testDescription: "dropout") {
    Tensor.ones($0, dtype: $1).dropout(0.3, using: &$2)
  }
  static let all = [uniform, normal, gumbel, dropout]
}

@Suite struct RandomTests {
  /// The known-answer vectors that accompany the generator's paper (Random123, kat_vectors).
  @Test func knownAnswers() {
    let ones = UInt32.max
    #expect(
      Philox.block(counter: SIMD4(0, 0, 0, 0), key: 0)
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      Philox.block(counter: SIMD4(ones, ones, ones, ones), key: .max)
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      Philox.block(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: 0x299f_31d0_a409_3822)
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  /// The vectorised kernel computes the same blocks as the plain code that the vectors check.
  @Test func tensorsAreMadeOfTheSameBlocks() {
    var generator = Philox(seed: 0x299f_31d0_a409_3822).startingAtSample(0x1_0000_0007)
    _ = generator.next()
    let numbers = Tensor.uniform([3, 150], dtype: .float64, using: &generator).scalars
    for sample in 0..<3 {
      for element in 0..<150 {
        let block = Philox.block(
          counter: SIMD4(UInt32(element / 64 * 16 + element % 16), UInt32(7 + sample), 1, 1),
          key: 0x299f_31d0_a409_3822)
        let word = block[element % 64 / 16]
        #expect(numbers[sample * 150 + element] == (Double(word >> 9) + 0.5) * 0x1p-23)
      }
    }
  }

  @Test("moments of a million numbers", arguments: [DType.float32, .float64])
  func moments(_ dtype: DType) {
    // mean, variance, skewness, kurtosis of each distribution.
    let expected: [(Draw, [Double])] = [
      (.uniform, [0.5, 1 / 12, 0, 1.8]),
      (.normal, [0, 1, 0, 3]),
      (.gumbel, [0.577_215_664_9, Double.pi * .pi / 6, 1.139_547, 5.4]),
    ]
    for (draw, moments) in expected {
      var generator = Philox(seed: 11)
      let numbers = draw.numbers([1000, 1000], dtype, &generator).scalars
      let count = Double(numbers.count)
      let mean = numbers.reduce(0, +) / count
      let powers =
        numbers.reduce(into: SIMD3<Double>(0, 0, 0)) { sums, x in
          let d = x - mean
          sums += SIMD3(d * d, d * d * d, d * d * d * d)
        } / count
      let deviation = powers.x.squareRoot()
      #expect(abs(mean - moments[0]) < 5 * deviation / count.squareRoot(), "\(draw)")
      #expect(abs(powers.x - moments[1]) < 0.01 * moments[1], "\(draw)")
      #expect(abs(powers.y / (powers.x * deviation) - moments[2]) < 0.03, "\(draw)")
      #expect(abs(powers.z / (powers.x * powers.x) - moments[3]) < 0.03 * moments[3], "\(draw)")
      #expect(numbers.allSatisfy { $0.isFinite }, "\(draw)")
    }
  }

  @Test func neighboursAreNotCorrelated() {
    var generator = Philox(seed: 12)
    let numbers = Tensor.normal([1000, 1000], dtype: .float64, using: &generator).scalars
    for lag in [1, 4, 16, 64, 128, 1000] {
      let products = zip(numbers, numbers.dropFirst(lag)).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(products / Double(numbers.count - lag)) < 5e-3, "lag \(lag)")
    }
  }

  @Test func uniformNumbersAreNeverZeroOrOne() {
    var generator = Philox(seed: 13)
    for dtype in [DType.float32, .float64] {
      let numbers = Tensor.uniform([300, 1000], dtype: dtype, using: &generator).scalars
      #expect(numbers.allSatisfy { $0 > 0 && $0 < 1 })
      #expect(Set(numbers).count > 290_000)
    }
  }

  /// Blocks of seed 7 with a word of zeros and a word of ones in front: the ends of the interval.
  @Test("the smallest and the largest draw", arguments: [(24_771, 7), (575_289, 6), (543_061, 51)])
  func extremeDraws(_ sample: Int, _ element: Int) {
    for dtype in [DType.float32, .float64] {
      for draw in [Draw.uniform, .normal, .gumbel] {
        var generator = Philox(seed: 7).startingAtSample(sample)
        let numbers = draw.numbers([1, 64], dtype, &generator).scalars
        #expect(numbers.allSatisfy { $0.isFinite }, "\(draw) \(dtype)")
      }
      var generator = Philox(seed: 7).startingAtSample(sample)
      let u = Tensor.uniform([1, 64], dtype: dtype, using: &generator).scalars[element]
      #expect(u == (element == 7 ? 0x1p-24 : 1 - 0x1p-24), "\(dtype)")
    }
  }

  @Test("a sample's numbers do not depend on the split of the batch", arguments: Draw.all)
  func splitBatches(_ draw: Draw) {
    for dtype in [DType.float32, .float64] {
      var whole = Philox(seed: 14).substream(3)
      _ = whole.next()
      let parts = [0..<1, 1..<4, 4..<6].map { range -> Tensor in
        var part = whole.startingAtSample(range.lowerBound)
        return draw.numbers([range.count, 7, 23], dtype, &part)
      }
      let together = draw.numbers([6, 7, 23], dtype, &whole)
      #expect(Tensor.concatenated(parts).scalars == together.scalars)
      // The samples themselves differ, and so does the next draw.
      #expect(parts[0].scalars != parts[1].slice(0..<1).scalars)
      #expect(draw.numbers([6, 7, 23], dtype, &whole).scalars != together.scalars)
    }
  }

  @Test func attentionDropoutDoesNotDependOnTheSplitOfTheBatch() {
    let inputs = (1...3).map { testTensor([4, 5, 6], seed: $0) }
    let attend = { (range: Range<Int>) -> Tensor in
      var generator = Philox(seed: 15).startingAtSample(range.lowerBound)
      return Tensor.attention(
        queries: inputs[0].slice(range), keys: inputs[1].slice(range),
        values: inputs[2].slice(range), heads: 2, dropout: 0.5, using: &generator)
    }
    #expect(
      Tensor.concatenated([attend(0..<1), attend(1..<4)]).scalars == attend(0..<4).scalars)
  }

  @Test("both precisions draw the same numbers", arguments: Draw.all)
  func precisions(_ draw: Draw) {
    var (first, second) = (Philox(seed: 16), Philox(seed: 16))
    let single = draw.numbers([3, 200], .float32, &first)
    let double = draw.numbers([3, 200], .float64, &second)
    #expect(difference(single, double, absolute: 2e-5) == nil)
  }

  @Test func substreamsAndSeedsDiffer() {
    let generators =
      [Philox(seed: 1), Philox(seed: 2)] + (0..<4).map { Philox(seed: 1).substream($0) }
      + [Philox(seed: 1).substream(1 << 32), Philox(seed: 1).substream(0).substream(0)]
    let first = generators.map { generator -> UInt64 in
      var copy = generator
      return copy.next()
    }
    #expect(Set(first).count == generators.count)
  }

  @Test func aGeneratorIsAValue() {
    var generator = Philox(seed: 17)
    var copy = generator
    #expect(generator.next() == copy.next())
    _ = generator.next()
    #expect(generator.next() != copy.next())
  }

  @Test("dropout drops its rate and keeps the mean", arguments: [0.1, 0.5, 0.9])
  func dropoutRate(_ rate: Double) {
    var generator = Philox(seed: 18)
    let numbers = Tensor.ones([100, 1000]).dropout(rate, using: &generator).scalars
    let dropped = numbers.filter { $0 == 0 }.count
    #expect(abs(Double(dropped) / 1e5 - rate) < 5 * (rate * (1 - rate) / 1e5).squareRoot())
    #expect(numbers.allSatisfy { $0 == 0 || abs($0 - 1 / (1 - rate)) < 1e-6 })
  }

  @Test func noDropoutDrawsNothing() {
    var generator = Philox(seed: 19)
    var untouched = generator
    let x = testTensor([2, 3])
    #expect(x.dropout(0, using: &generator).scalars == x.scalars)
    #expect(generator.next() == untouched.next())
  }
}
