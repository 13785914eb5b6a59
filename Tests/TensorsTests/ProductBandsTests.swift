import COpenBLAS
import Foundation
import Synchronization
import Tensors
import Testing

/// Products that workers share.
@Suite(.serialized) struct ProductBandsTests {
  struct Case: CustomTestStringConvertible {
    let m: Int
    let n: Int
    let k: Int
    var testDescription: String { "\(m) x \(k) x \(n)" }
  }

  /// Small ones, and each way to cut a large one: tiles, bands of rows and of columns, halves.
  static let cases = [
    Case(m: 100, n: 101, k: 99), Case(m: 700, n: 130, k: 70), Case(m: 70, n: 900, k: 70),
    Case(m: 200, n: 150, k: 300), Case(m: 7, n: 1100, k: 400), Case(m: 530, n: 1030, k: 9),
    Case(m: 150, n: 210, k: 1100), Case(m: 2100, n: 60, k: 40),
    Case(m: 30, n: 20, k: 4100),
  ]

  /// Whole numbers, so that no order of summation rounds.
  private static func whole(_ rows: Int, _ columns: Int, _ dtype: DType, seed: UInt64) -> Tensor {
    var generator = Philox(seed: seed)
    let numbers = Tensor.uniform([rows, columns], dtype: .float64, using: &generator)
    return Tensor(
      numbers.scalars.map { ($0 * 9).rounded(.down) - 4 }, shape: [rows, columns], dtype: dtype)
  }

  /// Runs `body` with each of several numbers of workers, for exit tests: the number is the process's.
  private static func withWorkers(_ body: () -> Void) {
    for count in [1, 2, 5] {
      Workers.count = count
      body()
    }
  }

  @Test("a product equals that of plain loops")
  func exactness() async {
    await #expect(processExitsWith: .success) {
      for size in ProductBandsTests.cases {
        for dtype in [DType.float32, .float64] { ProductBandsTests.expectExact(size, dtype) }
      }
    }
  }

  private static func expectExact(_ size: Case, _ dtype: DType) {
    let (m, n, k) = (size.m, size.n, size.k)
    let a = whole(m, k, dtype, seed: 1)
    let b = whole(k, n, dtype, seed: 2)
    let (left, right) = (a.scalars, b.scalars)
    var expected = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for l in 0..<k {
        let factor = left[i * k + l]
        for j in 0..<n { expected[i * n + j] += factor * right[l * n + j] }
      }
    }
    withWorkers {
      let results = [
        a.matmul(b), a.transposed().matmul(b, transposingSelf: true),
        a.matmul(b.transposed(), transposingOther: true),
        a.transposed().matmul(b.transposed(), transposingSelf: true, transposingOther: true),
      ]
      for (index, result) in results.enumerated() {
        #expect(result.scalars == expected, "\(size.testDescription), \(dtype), form \(index)")
      }
    }
  }

  private static func operands(_ size: Case, _ dtype: DType) -> (Tensor, Tensor) {
    var generator = Philox(seed: 7)
    return (
      .normal([size.m, size.k], dtype: dtype, using: &generator),
      .normal([size.k, size.n], dtype: dtype, using: &generator)
    )
  }

  @Test("batches of products and of factorisations are shared without mixing samples")
  func batches() async {
    await #expect(processExitsWith: .success) { try ProductBandsTests.expectSeparateSamples() }
  }

  private static func expectSeparateSamples() throws {
    var generator = Philox(seed: 9)
    let a = Tensor.normal([7, 90, 70], dtype: .float64, using: &generator)
    let b = Tensor.normal([7, 70, 90], dtype: .float64, using: &generator)
    let right = Tensor.normal([7, 90], dtype: .float64, using: &generator)
    let products = (0..<7).flatMap {
      a.slice($0..<$0 + 1).matmul(b.slice($0..<$0 + 1)).scalars
    }
    let system = a.matmul(b) + .identity(90, dtype: .float64) * 40
    let solutions = try (0..<7).flatMap {
      try LUFactorization(of: system.slice($0..<$0 + 1)).solve(right.slice($0..<$0 + 1)).scalars
    }
    withWorkers {
      #expect(a.matmul(b).scalars == products)
      #expect((try? LUFactorization(of: system).solve(right).scalars) == solutions)
    }
  }

  @Test("a fixed number of workers gives the same bits")
  func fixedNumber() async {
    await #expect(processExitsWith: .success) {
      for dtype in [DType.float32, .float64] { ProductBandsTests.expectFixedBits(dtype) }
    }
  }

  private static func expectFixedBits(_ dtype: DType) {
    for size in cases {
      let (a, b) = operands(size, dtype)
      withWorkers {
        let outside = a.matmul(b).scalars
        let inside = Workers.map(3) { _ in a.matmul(b).scalars }
        for _ in 0..<5 {
          #expect(a.matmul(b).scalars == outside, "\(size.testDescription)")
          #expect(Workers.map(3) { _ in a.matmul(b).scalars } == inside)
        }
        #expect(inside[1] == inside[0] && inside[2] == inside[0])
      }
    }
  }

  @Test("its bits do not depend on other threads in Workers.map")
  func otherThreads() {
    let size = Case(m: 100, n: 100, k: 100)
    for dtype in [DType.float32, .float64] {
      let operands = (Self.cases + [size]).map { Self.operands($0, dtype) }
      let alone = operands.map { $0.matmul($1).scalars }
      let progress = Progress()
      withThreads(7) {
        while !progress.isOver.load(ordering: .relaxed) {
          _ = Workers.map(3) { _ in operands[0].0.matmul(operands[0].1) }
          progress.rounds.add(1, ordering: .relaxed)
        }
      } while: {
        while progress.rounds.load(ordering: .relaxed) < 7 { usleep(100) }
        for (index, (a, b)) in operands.enumerated() {
          var equal = 0
          for _ in 0..<50 where a.matmul(b).scalars == alone[index] { equal += 1 }
          #expect(equal == 50, "\(dtype), case \(index)")
        }
        progress.isOver.store(true, ordering: .relaxed)
      }
    }
  }

  @Test("eight callers at once leave nothing behind")
  func eightCallers() {
    let (a, b) = Self.operands(Case(m: 100, n: 100, k: 100), .float32)
    let alone = a.matmul(b).scalars
    withThreads(8) {
      for _ in 0..<50 { _ = Workers.map(4) { _ in a.matmul(b) } }
    } while: {
    }
    #expect(openblas_get_num_threads() == 1)
    #expect(a.matmul(b).scalars == alone)
  }

  /// What threads and the test tell each other.
  private final class Progress: Sendable {
    let isOver = Atomic(false)
    let rounds = Atomic(0)
  }

  /// Runs `body` on so many threads while `work` runs on this one, and waits for all of them.
  private func withThreads(
    _ count: Int, _ body: @escaping @Sendable () -> Void, while work: () -> Void
  ) {
    let ended = DispatchSemaphore(value: 0)
    for _ in 0..<count {
      Thread {
        body()
        ended.signal()
      }.start()
    }
    work()
    for _ in 0..<count { ended.wait() }
  }
}
