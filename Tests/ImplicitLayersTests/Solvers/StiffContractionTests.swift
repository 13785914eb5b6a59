import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// z -> A z + b with A = Q diag(.99 i / 50) Q^T, i = 1...50: the slowest mode contracts by .99.
struct StiffContraction {
  let map: FixedPointMap
  let start: Tensor

  init(seed: UInt64, dtype: DType = .float64) {
    let n = 50
    var generator = Philox(seed: seed)
    func normal(_ count: Int) -> [Double] {
      Tensor.normal([count], dtype: .float64, using: &generator).scalars
    }
    // Gram-Schmidt, twice, on the rows of a random matrix.
    var q = (0..<n).map { _ in normal(n) }
    for row in 0..<n {
      for _ in 0..<2 {
        for other in 0..<row {
          let product = zip(q[row], q[other]).map(*).reduce(0, +)
          q[row] = zip(q[row], q[other]).map { $0 - product * $1 }
        }
      }
      let norm = q[row].map { $0 * $0 }.reduce(0, +).squareRoot()
      q[row] = q[row].map { $0 / norm }
    }
    let rows = Tensor(q.flatMap { $0 }, shape: [n, n], dtype: .float64)
    let scales = Tensor((1...n).map { 0.99 * Double($0) / 50 }, shape: [n, 1], dtype: .float64)
    let a = rows.matmul(rows * scales, transposingSelf: true).converted(to: dtype)
    let b = Tensor(normal(n), shape: [1, n], dtype: dtype)
    map = FixedPointMap { z in z.matmul(a) + b }
    start = .zeros([1, n], dtype: dtype)
  }

  func solve(_ solver: any ForwardSolver, limit: Int) throws -> SolveReport {
    try solver.solve(
      map, from: start, until: .tolerance(relative: 0, absolute: 1e-8, limit: limit)
    ).report
  }
}

@Suite struct StiffContractionTests {
  @Test(
    arguments: [
      (.anderson(depth: 5), 240), (.anderson(depth: 10), 170), (.automatic, 170), (.broyden(), 170),
      (.newton(), 10), (.newtonKrylov(), 100),
    ] as [(any ForwardSolver, Int)], [1, 2, 3, 4, 5] as [UInt64])
  func evaluationsAreFew(_ bounded: (solver: any ForwardSolver, most: Int), _ seed: UInt64) throws {
    let report = try StiffContraction(seed: seed).solve(bounded.solver, limit: 400)
    #expect(report.converged, "\(report)")
    #expect(report.evaluations <= bounded.most)
    #expect(report.jacobianProducts <= 150)
  }

  @Test func plainIterationNeedsTenTimesAsMany() throws {
    let report = try StiffContraction(seed: 1).solve(.picard(), limit: 2500)
    #expect(report.converged && report.evaluations > 1500 && report.evaluations < 2200)
    // .99 becomes .99668, by which an error falls as much in three evaluations.
    let paired = try StiffContraction(seed: 1).solve(.paired(), limit: 7000)
    #expect(paired.converged && paired.evaluations > 4500 && paired.evaluations < 6600)
  }
}
