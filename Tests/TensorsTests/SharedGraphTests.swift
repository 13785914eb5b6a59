import Tensors
import TestFolders
import TestSupport
import Testing

/// Several tasks differentiate losses that share a part of the tape.
@Suite struct SharedGraphTests {
  /// A long chain, so that passes are on their way through it at the same time.
  private static func chain(_ x: Tensor, length: Int) -> Tensor {
    (0..<length).reduce(x) { y, _ in y * 1.0001 + 0 }
  }

  @Test("with the graph retained, each gets its gradient")
  func retained() async throws {
    let x = testTensor([3, 4]).variable()
    let shared = Self.chain(x, length: 2000)
    let expected = try gradients(of: (shared * 2).sum(), retainingGraph: true)[x]?.scalars
    let results = try await withThrowingTaskGroup(of: [Double]?.self) { group in
      for factor in 1...8 {
        group.addTask {
          let loss = (shared * Double(2 * factor)).sum()
          return try gradients(of: loss, retainingGraph: true)[x]?.scalars.map {
            $0 / Double(factor)
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results.count == 8)
    for result in results {
      #expect(difference(try #require(result), try #require(expected), relative: 1e-12) == nil)
    }
  }

  /// Before, this ended in a corrupted heap or a wrong number; now the later pass stops at the first
  /// node that it finds released, or, where the others were not on its way yet, all are right.
  @Test("without it, all are right or the process stops with the reason")
  func released() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      for _ in 0..<200 {
        let x = testTensor([3, 4]).variable()
        let shared = SharedGraphTests.chain(x, length: 500)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<4 {
            group.addTask { _ = try gradients(of: shared.sum()) }
          }
          try await group.waitForAll()
        }
      }
    }
    let message = errorText(result)
    #expect(message.contains("retainingGraph"), "\(message)")
  }

  @Test("copies of a sample add their cotangents, in first and second derivatives")
  func copiesOfSamples() throws {
    let x = testTensor([3, 2]).variable()
    let weights = testTensor([5, 2], seed: 7)
    let positions = [2, 0, 2, 2, 0]
    let table = try gradients(of: (x.samples(positions) * weights).sum())
    var expected = [Double](repeating: 0, count: 6)
    for (row, position) in positions.enumerated() {
      for column in 0..<2 {
        expected[2 * position + column] += weights.scalars[2 * row + column]
      }
    }
    #expect(difference(try #require(table[x]).scalars, expected, relative: 1e-14) == nil)

    // d/dx of the sum of squares of dL/dx, L = sum of (copies)^3.
    let copies = x.samples([0, 0])
    let cubes = (copies * copies * copies).sum()
    let first = try #require(gradients(of: cubes, creatingGraph: true)[x])
    let second = try #require(gradients(of: first.square().sum())[x])
    let values = x.scalars
    // L = 2 x^3, dL/dx = 6 x^2, its square 36 x^4, and the derivative of that 144 x^3.
    let wanted = (0..<6).map { $0 < 2 ? 144 * values[$0] * values[$0] * values[$0] : 0 }
    #expect(difference(second.scalars, wanted, relative: 1e-12) == nil)
  }
}
