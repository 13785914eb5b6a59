import Collectives
import ImplicitLayers
import Tensors
import Testing

/// What a method decides by numbers, it decides alike on all ranks, and as one process.
@Suite struct ShardedDecisionsTests {
  @Test("Newton-CG takes the steps of one process, however the unknowns are shared out")
  func newtonCG() throws {
    // Curvatures from 1 to 1000, mixed, beside those of the edges.
    let exponents = Tensor((0..<17).map { Double($0 * 5 % 17) }, shape: [1, 17], dtype: .float64)
    let curvatures = (exponents * (3 * 2.302585 / 16)).exp()
    @Sendable func solve(_ ranks: Communicator) throws -> (SolveReport, [Double]) {
      let d = UnevenStrips.part(curvatures, ranks)
      let b = UnevenStrips.part(UnevenStrips.uniform([1, 17], seed: 3), ranks) * 100
      let loss: (Tensor) throws -> Tensor = { z in
        // Every edge once: to the next column.
        let edges = try UnevenStrips.neighbours(of: z, ranks).after - z
        return (z.square() * d + edges.square() * 20 - b * z).sum(alongAxis: 1)
      }
      var map = FixedPointMap { z in try z - gradient(at: z) { try loss($0).sum() } }
      map.loss = loss
      let found = try ranks.withShardedStates {
        try KrylovAdjoint.gmres().solution(
          of: map, from: b.zerosLike(), using: .newtonCG(),
          until: .tolerance(relative: 0, absolute: 1e-4, limit: 100))
      }
      return (found.report, UnevenStrips.numbers(found.value, ranks))
    }
    let one = try solve(.alone)
    #expect(one.0.converged && one.0.jacobianProducts > 40)
    for found in try Communicator.watched(UnevenStrips.ranks, solve).values {
      #expect(found.0.converged && found.0.evaluations == one.0.evaluations)
      #expect(abs(found.0.jacobianProducts - one.0.jacobianProducts) <= 1)
      #expect(zip(found.1, one.1).allSatisfy { abs($0 - $1) < 1e-8 } && found.1.count == 17)
    }
  }

  @Test("a norm takes one sum, also of 0 on some or all ranks, and three where squares do not fit")
  func sumsOfNorms() throws {
    // Of a rank's own norm, whether a second look is needed would be another matter on each.
    let safe: [[Double]] = [
      [0, 0, 0, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0, -2], [0, 1, 0, 0, 0], [1, 2, 3, 4, 5],
      [0, .nan, 0, 0, 0],
    ]
    let wide: [[Double]] = [[0, 0, 0, 3e-200, 0], [0, 0, 0, 0, 0], [4e200, 0, 0, 0, 0]]
    func operations(_ rows: [[Double]]) throws -> [CollectiveOperation] {
      let whole = Tensor(rows.flatMap { $0 }, shape: [rows.count, 5], dtype: .float64)
      let expected = whole.normsOfSamples
      let found = try Communicator.watched(3) { ranks in
        let own = whole.slice(ranks.share(of: 5), alongAxis: 1)
        return ranks.withShardedStates { own.normsOfSamples }
      }
      for norms in found.values {
        #expect(norms.elementsEqual(expected) { $0.isNaN ? $1.isNaN : abs($0 - $1) <= 1e-15 * $1 })
      }
      return found.operations
    }
    let sum = { (rows: Int) in CollectiveOperation(kind: .sum, count: rows) }
    #expect(try operations(safe) == [sum(12)])
    #expect(
      try operations(wide) == [sum(6), CollectiveOperation(kind: .maximum, count: 3), sum(3)])
  }

  @Test("a rank without a number of the state takes part in the check for mixed samples")
  func mixedSamples() throws {
    let found = try Communicator.watched(3) { ranks in
      let part = Tensor.ones([3, 2], dtype: .float64).slice(ranks.share(of: 2), alongAxis: 1)
      return try ranks.withShardedStates {
        try [
          mixedSample(of: part) { $0 * 0.5 },
          mixedSample(of: part) { v in v + v.sum(alongAxis: 0, keepingAxis: true) },
        ]
      }
    }
    for leaks in found.values {
      #expect(leaks[0] == nil && leaks[1]?.contains("samples mix") == true, "\(leaks)")
    }
  }

  @Test("a minimum over a set stops, and says what to solve instead")
  func minimumOverASet() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try Communicator.watched(3) { ranks in
        try ranks.withShardedStates {
          try minimum(
            of: { z in (z.square() - z).sum(alongAxis: 1) }, over: .nonNegative,
            from: Tensor.zeros([1, ranks.rank + 1], dtype: .float64), stepSize: 0.25,
            using: .picard(), estimator: .gmres()
          ).scalars
        }
      }
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("a minimum over a set needs the whole state"), "\(text)")
    #expect(text.contains("sharded over ranks") && text.contains(".stationary(loss, over: set"))
  }

  @Test("the equation of a minimum over a box is solved in parts, with its gradient")
  func equationOfAMinimum() throws {
    @Sendable func solve(_ ranks: Communicator) throws -> [[Double]] {
      let b = UnevenStrips.part(UnevenStrips.uniform([1, 17], seed: 3), ranks).variable()
      let loss = { (z: Tensor) in
        let edges = try UnevenStrips.neighbours(of: z, ranks).after - z
        return (z.square() + edges.square() - b * z).sum(alongAxis: 1)
      }
      let z = try ranks.withShardedStates {
        try ImplicitLayers.solve(
          .stationary(loss, over: .nonNegative, stepSize: 0.2), from: b.detached().zerosLike(),
          using: .anderson(), estimator: .gmres(tolerance: 1e-10),
          until: .tolerance(relative: 1e-11, absolute: 1e-12, limit: 200)
        ).value
      }
      let table = try gradients(of: (z * z.detached()).sum())
      return [z, table[b] ?? b.zerosLike()].map { UnevenStrips.numbers($0, ranks) }
    }
    let one = try solve(.alone)
    // Some are on the bound, and some are not.
    #expect(Set(one[0].map { $0 > 0 }).count == 2 && one[1].contains { $0 > 0 })
    for found in try Communicator.watched(UnevenStrips.ranks, solve).values {
      for (numbers, expected) in zip(found, one) {
        #expect(zip(numbers, expected).allSatisfy { abs($0 - $1) < 1e-8 } && numbers.count == 17)
      }
    }
  }
}
