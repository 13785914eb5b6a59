import Collectives
import Tensors
import Testing

/// Rows of neighbours, and what becomes of their cotangents.
@Suite struct HaloTests {
  private static func grid(_ shape: Shape, _ dtype: DType, seed: UInt64) -> Tensor {
    var draws = Philox(seed: seed)
    return .uniform(shape, dtype: dtype, using: &draws)
  }

  @Test(
    "a strip gets the rows beside it, and zeros at the ends of the grid",
    arguments: [DType.float32, .float64], [1, 2])
  func values(_ dtype: DType, _ width: Int) throws {
    // Parts of 2, 3 and 3 rows.
    let grid = HaloTests.grid([2, 8, 3], dtype, seed: 1)
    let border = Tensor.zeros([2, width, 3], dtype: dtype)
    let padded = Tensor.concatenated([border, grid, border], alongAxis: 1)
    for size in [1, 2, 3] {
      let isRight = try Communicator.threads(size) { ranks -> Bool in
        let rows = ranks.share(of: 8)
        let wide = try ranks.addingHalos(to: grid.slice(rows, alongAxis: 1), width: width)
        return wide == padded.slice(rows.lowerBound..<rows.upperBound + 2 * width, alongAxis: 1)
      }
      #expect(isRight.allSatisfy { $0 }, "\(size) ranks")
    }
  }

  @Test("the transpose adds halos to the rows of their owners", arguments: [-2, 1], [1, 2])
  func transpose(_ axis: Int, _ width: Int) throws {
    let products = try Communicator.threads(3) { ranks -> [Double] in
      let rank = UInt64(ranks.rank)
      let rows = ranks.share(of: 8).count
      let x = HaloTests.grid([2, rows, 3], .float64, seed: 2 + rank).variable()
      let y = HaloTests.grid([2, rows + 2 * width, 3], .float64, seed: 20 + rank)
      let s = HaloTests.grid([2, rows, 3], .float64, seed: 30 + rank)
      let wide = try ranks.addingHalos(to: x, alongAxis: axis, width: width)
      let product = (wide * y).sum()
      let back = try #require(try gradients(of: product)[x])
      // J s by the transpose of the transpose.
      let forth = try Linearization(at: x.detached()) {
        try ranks.addingHalos(to: $0, alongAxis: axis, width: width)
      }.pushforward(s)
      let image = try ranks.addingHalos(to: s, alongAxis: axis, width: width)
      return [
        ranks.sum(product.scalar), ranks.sum((x * back).sum().scalar),
        (forth - image).largestMagnitude,
      ]
    }
    for numbers in products {
      #expect(abs(numbers[0] - numbers[1]) < 1e-12 * abs(numbers[0]), "\(numbers)")
      #expect(numbers[2] == 0)
    }
  }

  @Test("a halo wider than a strip stops")
  func tooWide() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try Communicator.alone.addingHalos(to: .zeros([1, 2, 3]), width: 3)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("a halo of 3 rows needs as many on each rank"), "\(text)")
  }
}
