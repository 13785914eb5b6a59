import Collectives
import ImplicitLayers
import Tensors
import Testing

/// What a backward pass runs, it runs where the solve was: with sums over the ranks, or without.
@Suite struct ShardedAdjointTests {
  /// z_i = tanh(w z_{i-1} + .42 z_{i+1} + x_i), two samples.
  private static func chain(
    _ ranks: Communicator, _ w: Tensor, using solver: any ForwardSolver,
    estimator: any BackwardEstimator, to tolerance: Double
  ) throws -> Solution<Tensor> {
    let x = UnevenStrips.part(UnevenStrips.uniform([2, 17], seed: 5) * 0.1, ranks)
    let start = UnevenStrips.part(UnevenStrips.uniform([2, 17], seed: 8) * 0.1, ranks)
    return try ranks.withShardedStates {
      try solveFixedPoint(
        from: start, using: solver, estimator: estimator,
        until: .tolerance(relative: tolerance, limit: 100)
      ) { z in
        let (before, after) = try UnevenStrips.neighbours(of: z, ranks)
        return (before * w + after * 0.42 + x).tanh()
      }
    }
  }

  private struct Pass: Sendable {
    let evaluations: Int
    let report: BackwardReport
    let derivatives: [Double]
  }

  private static let reusing: [String: any BackwardEstimator] = [
    "refined": .measured(.quasiNewtonReuse(refinements: 3)),
    "gmres": .gmres(tolerance: 1e-7, reusingInverse: true),
    "bicgstab": .biCGStab(tolerance: 1e-7, reusingInverse: true),
  ]

  @Test(
    "a solver's inverse preconditions as in one process: by as many pullbacks, each as good",
    arguments: ["bicgstab", "gmres", "refined"])
  func preconditioning(_ name: String) throws {
    // So few steps of Broyden's that rounding is not amplified to what is compared.
    @Sendable func pass(_ ranks: Communicator) throws -> Pass {
      let w = Tensor(0.5, dtype: .float64).variable()
      let solution = try ShardedAdjointTests.chain(
        ranks, w, using: .broyden(updates: 40),
        estimator: #require(ShardedAdjointTests.reusing[name]), to: 1e-8)
      let table = try gradients(of: solution.value.square().sum(), creatingGraph: true)
      let first = try #require(table[w])
      let second = try #require(try gradients(of: first)[w])
      return Pass(
        evaluations: solution.report.evaluations,
        report: try #require(table.backwardReport(of: solution)),
        derivatives: [ranks.sum(first.scalar), ranks.sum(second.scalar)])
    }
    let one = try pass(.alone)
    #expect(one.derivatives.allSatisfy { $0 > 1 } && one.report.samples.count == 2)
    for found in try Communicator.watched(UnevenStrips.ranks, pass).values {
      #expect(found.evaluations == one.evaluations)
      let pullbacks = (found.report.pullbacks, one.report.pullbacks)
      #expect(abs(pullbacks.0 - pullbacks.1) <= 1, "\(pullbacks)")
      for (sample, expected) in zip(found.report.samples, one.report.samples) {
        let traces = (sample.trace.prefix(6), expected.trace.prefix(6))
        #expect(
          traces.0.elementsEqual(traces.1) { abs($0 - $1) < 0.001 * $1 } && traces.0.count >= 4,
          "residuals of \(traces.0) instead of \(traces.1)")
      }
      for (derivative, expected) in zip(found.derivatives, one.derivatives) {
        #expect(abs(derivative - expected) < 1e-6 * expected, "\(derivative), not \(expected)")
      }
    }
  }

  /// A layer that only its rank has: z = tanh(z a + v) / 2, solved outside of any scope.
  private static func ownLayer(
    _ a: Tensor, _ v: Tensor, _ estimator: any BackwardEstimator
  ) throws -> Tensor {
    try fixedPoint(
      from: v, using: .picard(), estimator: estimator,
      until: .tolerance(relative: 1e-12, limit: 200)
    ) { z in (z.matmul(a) + v).tanh() * 0.5 }
  }

  private static let wholes: [String: any BackwardEstimator] = [
    "bicgstab": .biCGStab(tolerance: 1e-10), "gmres": .gmres(tolerance: 1e-10),
    "checkpoints": .unrolled(keeping: .checkpoints(every: 50)),
    "iterative": .iterative(.anderson(), tolerance: 1e-10, limit: 200),
    "straight-through": .straightThrough(.gmres(tolerance: 1e-10)),
  ]

  @Test(
    "a layer of one rank alone is differentiated by that rank alone, also within the scope",
    arguments: ["bicgstab", "checkpoints", "gmres", "iterative", "straight-through"])
  func layerOfOneRank(_ name: String) throws {
    let weights = UnevenStrips.uniform([5, 5], seed: 1)
    let values = UnevenStrips.uniform([1, 5], seed: 2)
    let estimator = try #require(ShardedAdjointTests.wholes[name])
    /// Gradients of w and, on rank 1, of the layer's own tensors, also of the square of these.
    @Sendable func pass(_ ranks: Communicator, inside: Bool, again: Bool) throws -> [[Double]] {
      let (a, v) = (weights.variable(), values.variable())
      let w = Tensor(0.3, dtype: .float64).variable()
      let shared = try ShardedAdjointTests.chain(
        ranks, w, using: .anderson(), estimator: .gmres(tolerance: 1e-10), to: 1e-11
      ).value.square().sum()
      let own = ranks.rank == 1 ? try ShardedAdjointTests.ownLayer(a, v, estimator) : nil
      let loss = own.map { shared + $0.square().sum() } ?? shared
      func derivatives() throws -> [[Double]] {
        let table = try gradients(of: loss, creatingGraph: again)
        var found = [table[w], table[a], table[v]]
        if again, let byA = table[a], let byV = table[v] {
          let second = try gradients(of: byA.square().sum() + byV.square().sum())
          found += [second[a], second[v]]
        }
        return found.map { $0?.scalars ?? [] }
      }
      return try inside ? ranks.withShardedStates(derivatives) : derivatives()
    }
    for again in [false, true] {
      let outside = try Communicator.watched(3) { try pass($0, inside: false, again: again) }
      let inside = try Communicator.watched(3) { try pass($0, inside: true, again: again) }
      #expect(inside.values == outside.values)
      #expect(inside.operations == outside.operations)
      #expect(outside.values[1].allSatisfy { $0.contains { $0 != 0 } }, "\(outside.values[1])")
      #expect(outside.values[1].count == (again ? 5 : 3))
    }
  }

  /// x / |x| of each sample, where |x| counts as a constant.
  private static let direction = CustomOperator("direction") { inputs in
    inputs[0].scalingSamples(by: inputs[0].normsOfSamples.map { 1 / $0 })
  } pullback: { v, inputs, _ in
    [v.scalingSamples(by: inputs[0].normsOfSamples.map { 1 / $0 })]
  }

  @Test(
    "a rule of the map's own takes norms of what the rank has, wherever gradients are taken",
    arguments: [false, true])
  func ruleOfTheMap(_ again: Bool) throws {
    @Sendable func pass(_ ranks: Communicator, inside: Bool) throws -> [Double] {
      let source = UnevenStrips.part(UnevenStrips.uniform([2, 17], seed: 4) + 1, ranks).variable()
      let loss = try ranks.withShardedStates {
        try fixedPoint(
          from: source, using: .anderson(), estimator: .straightThrough(.gmres(tolerance: 1e-10)),
          until: .tolerance(relative: 1e-11, limit: 100)
        ) { z in try ShardedAdjointTests.direction(z + source * 3) * 0.5 + source }
      }.square().sum()
      func derivative() throws -> [Double] {
        try gradients(of: loss, creatingGraph: again)[source]?.scalars ?? []
      }
      return try inside ? ranks.withShardedStates(derivative) : derivative()
    }
    let outside = try Communicator.watched(3) { try pass($0, inside: false) }
    let inside = try Communicator.watched(3) { try pass($0, inside: true) }
    #expect(inside.values == outside.values)
    #expect(inside.operations == outside.operations)
    #expect(outside.values.flatMap { $0 }.count == 34)
  }

  @Test(
    "a rule of an operator within the scope takes the norms that its value takes",
    arguments: [false, true])
  func ruleWithinTheScope(_ inside: Bool) throws {
    @Sendable func pass(_ ranks: Communicator) throws -> [Double] {
      let part = UnevenStrips.part(UnevenStrips.uniform([2, 17], seed: 4), ranks).variable()
      func loss(_ weight: Tensor) throws -> Tensor {
        try (ShardedAdjointTests.direction(part) * weight).square().sum()
      }
      let weight = UnevenStrips.part(UnevenStrips.uniform([2, 17], seed: 9), ranks)
      let table =
        try inside
        ? ranks.withShardedStates { try gradients(of: loss(weight)) }
        : gradients(of: ranks.withShardedStates { try loss(weight) })
      return UnevenStrips.numbers(try #require(table[part]), ranks)
    }
    let one = try pass(.alone)
    for found in try Communicator.watched(UnevenStrips.ranks, pass).values {
      #expect(zip(found, one).allSatisfy { abs($0 - $1) < 1e-13 } && found.count == 17)
    }
  }

  @Test(
    "steps are run again in the scope in which they were run", arguments: [false, true])
  func replay(_ inside: Bool) throws {
    // 0 on all ranks but the last, as the state then is: the others, asked alone, are at their end at once.
    let source = Tensor.concatenated(
      [Tensor.zeros([1, 5], dtype: .float64), UnevenStrips.uniform([1, 12], seed: 6)], alongAxis: 1)
    @Sendable func pass(_ ranks: Communicator, _ kept: Unrolled.Kept) throws -> [Double] {
      let x = UnevenStrips.part(source, ranks).variable()
      let w = Tensor(0.3, dtype: .float64).variable()
      func loss() throws -> Tensor {
        try fixedPoint(
          from: x.zerosLike(), using: .picard(), estimator: .unrolled(keeping: kept),
          until: .tolerance(relative: 1e-9, limit: 100)
        ) { z in
          let (before, _) = try UnevenStrips.neighbours(of: z, ranks)
          return (before + z) * w + x
        }.square().sum()
      }
      let table =
        try inside
        ? ranks.withShardedStates { try gradients(of: loss()) }
        : gradients(of: ranks.withShardedStates(loss))
      return [ranks.sum(table[w]?.scalar ?? .nan)]
        + UnevenStrips.numbers(table[x] ?? x.zerosLike(), ranks)
    }
    let one = try pass(.alone, .everyStep)
    #expect(one.allSatisfy { $0 != 0 })
    let kinds: [Unrolled.Kept] = [.everyStep, .checkpoints(every: 40), .checkpoints(every: 4)]
    for kept in kinds {
      for found in try Communicator.watched(UnevenStrips.ranks, { try pass($0, kept) }).values {
        #expect(zip(found, one).allSatisfy { abs($0 - $1) <= 1e-12 } && found.count == 18)
      }
    }
  }
}
