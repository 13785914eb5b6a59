import Foundation
import Tensors
import Testing

/// Every operator computes what NumPy does: 10,000 cases with drawn shapes, empty axes among them, in
/// both dtypes, with operands that are stretched.
///
/// The answers were written by Fixtures/make_numpy_answers.py: of each case the shape of the result and
/// its inner product with drawn weights. Elements are multiples of 1/8, the same numbers in both dtypes,
/// and NumPy computed in double precision.
@Suite struct NumpyTests {
  private struct Answer {
    let shape: UInt64
    let product: Double
    let scale: Double
  }

  private let answers: [Answer] = {
    let url = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/numpy_answers.bin")
    guard let data = try? Data(contentsOf: url) else { return [] }
    let bytes = [UInt8](data)
    func bits(_ start: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
    }
    return (0..<bytes.count / 20).map { number in
      let start = 20 * number
      return Answer(
        shape: bits(start, 8), product: Double(bitPattern: bits(start + 8, 8)),
        scale: Double(Float(bitPattern: UInt32(bits(start + 16, 4)))))
    }
  }()

  @Test func theFixtureIsWhole() { #expect(answers.count == 10_000) }

  @Test("as NumPy", arguments: NumpyCase.all.indices)
  func agrees(_ position: Int) throws {
    let operation = NumpyCase.all[position]
    try #require(answers.count == 10_000)
    for number in stride(from: position, to: answers.count, by: NumpyCase.all.count) {
      var draw = NumpyDraw(number)
      draw.dtype = draw.flag() ? .float32 : .float64
      let (dtype, answer) = (draw.dtype, answers[number])
      let result = operation.result(&draw)
      let shape = result.shape.array.reduce(UInt64(1)) { $0 * 512 + UInt64($1) }
      try #require(shape == answer.shape, "\(operation.name), case \(number): \(result.shape)")
      var weights = NumpyDraw(number + answers.count)
      let product = result.scalars.reduce(0) { $0 + $1 * Double(weights.number(-32, 32)) / 32 }
      // Results of a few operations on numbers near 1, each rounded to 1e-7 or 1e-16 of its size.
      let allowed = dtype == .float32 ? 2e-6 : 1e-14
      #expect(
        abs(product - answer.product) <= allowed * (answer.scale + 1),
        "\(operation.name), case \(number), \(dtype) \(result.shape): \(product) for \(answer.product)"
      )
    }
  }
}
