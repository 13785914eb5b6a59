import Collectives
import ImplicitLayers
import Tensors
import Testing

@testable import ShardedDiffusion

/// An equilibrium whose state lies in strips on the ranks: solution and gradient.
@Suite struct DiffusionTests {
  /// What ranks find, put together: u, dL/ds, and L and dL/da.
  private struct Found: Sendable {
    var (solution, bySource, numbers) = ([Double](), [Double](), [Double]())

    init(
      _ ranks: Communicator, size: Int = 12, a: Double = 0.5, reaction: Double = 0,
      shift: Double = 0, using solver: any ForwardSolver = .anderson(depth: 10)
    ) throws {
      let problem = Diffusion(ranks: ranks, size: size, reaction: reaction)
      let source = problem.exactSource(0.5) + problem.values(DiffusionTests.direction) * shift
      let found = try problem.loss(source: source, conductivity: a, using: solver)
      solution = ranks.gather(found.solution.scalars).flatMap { $0 }
      bySource = ranks.gather(found.bySource.scalars).flatMap { $0 }
      numbers = [found.loss, found.byConductivity]
    }
  }

  private static func direction(_ x: Double, _ y: Double) -> Double { x * x - 0.3 * y }

  private static func difference(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    let size = b.map(abs).max() ?? 0
    return zip(a, b).map { abs($0 - $1) / size }.max() ?? .nan
  }

  @Test("any number of ranks finds what one finds", arguments: ["anderson", "newton-krylov"])
  func ranks(_ name: String) throws {
    let found: @Sendable (Communicator) throws -> Found = {
      try Found($0, using: name == "anderson" ? .anderson(depth: 10) : .newtonKrylov())
    }
    let one = try found(.alone)
    for size in [1, 2, 3, 4] {
      for rank in try Communicator.threads(size, found) {
        #expect(DiffusionTests.difference(rank.solution, one.solution) < 1e-10, "\(size) ranks")
        #expect(DiffusionTests.difference(rank.bySource, one.bySource) < 1e-8, "\(size) ranks")
        #expect(DiffusionTests.difference(rank.numbers, one.numbers) < 1e-8, "\(size) ranks")
      }
    }
  }

  @Test("the gradient is that of differences")
  func differences() throws {
    let size = 10
    let found = try Communicator.threads(2) { ranks in
      let h = 1e-4
      let middle = try Found(ranks, size: size)
      let ends = try [h, -h].map { try Found(ranks, size: size, a: 0.5 + $0).numbers[0] }
      let shifted = try [h, -h].map { try Found(ranks, size: size, shift: $0).numbers[0] }
      let along = ranks.gather(
        Diffusion(ranks: ranks, size: size, reaction: 0).values(DiffusionTests.direction).scalars
      ).flatMap { $0 }
      return [
        middle.numbers[1], (ends[0] - ends[1]) / (2 * h),
        zip(middle.bySource, along).reduce(0) { $0 + $1.0 * $1.1 },
        (shifted[0] - shifted[1]) / (2 * h),
      ]
    }
    for rank in found {
      #expect(abs(rank[0] - rank[1]) < 1e-6 * abs(rank[1]), "\(rank)")
      #expect(abs(rank[2] - rank[3]) < 1e-6 * abs(rank[3]), "\(rank)")
    }
  }

  @Test("the error falls with the square of the distance of points", arguments: [0, 50.0])
  func order(_ reaction: Double) throws {
    let errors = try Communicator.threads(3) { ranks in
      try [7, 15, 31].map { size in
        let problem = Diffusion(ranks: ranks, size: size, reaction: reaction)
        let u = try withoutRecording {
          try problem.solution(
            source: problem.exactSource(0.5), conductivity: Tensor(0.5, dtype: .float64),
            tolerance: 1e-9)
        }
        return ranks.maximum((u - problem.exactSolution).largestMagnitude)
      }
    }
    for rank in errors {
      // 4 at the least distance; the next term is of the fourth order.
      for (coarse, fine) in zip(rank, rank.dropFirst()) {
        #expect((3.6...4.4).contains(coarse / fine), "\(rank)")
      }
    }
  }
}
