import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Chosen iterates of a solve, each with a gradient of its own.
@Suite struct TrajectoryTests {
  private static let weight = testTensor([5, 5], seed: 3, scale: 0.3)
  private static let input = testTensor([3, 5], seed: 4)

  private static func map(_ w: Tensor, _ x: Tensor) -> (Tensor) -> Tensor {
    { z in (z.matmul(w) + x).tanh() }
  }

  /// The estimators that give iterates gradients of their own: those that estimate an adjoint, and the one
  /// that keeps every step.
  private static let followed =
    TestedEstimator.all.filter { $0.make(.init(tolerance: 1e-9)).adjoint != nil }
    + [.plainUnrolling]

  @Test(
    "the last iterate is the solution of a plain solve",
    arguments: TestedSolver.pairs(TestedSolver.matrix, followed))
  func last(_ tested: TestedSolver, _ estimator: TestedEstimator) throws {
    let rules: [StoppingRule] = [.evaluations(7), .tolerance(relative: 1e-6, limit: 100)]
    for rule in rules {
      let what = "\(rule)"
      func solve(
        _ solve: (any BackwardEstimator, Tensor, Tensor, Tensor) throws -> Tensor
      ) throws -> (value: Tensor, gradients: [Tensor?]) {
        let (w, x) = (Self.weight.variable(), Self.input.variable())
        let z0 = Self.input.zerosLike().variable()
        let z = try solve(estimator.make(.init(tolerance: 1e-9, onFailure: .keeping)), w, x, z0)
        let table = try gradients(of: z.square().sum())
        return (z.detached(), [table[w], table[x], table[z0]])
      }
      let plain = try solve { estimator, w, x, z0 in
        try solveFixedPoint(
          from: z0, using: tested.solver, estimator: estimator, until: rule, Self.map(w, x)
        ).value
      }
      let found = try solve { estimator, w, x, z0 in
        let way = try fixedPointTrajectory(
          from: z0, using: tested.solver, estimator: estimator, until: rule,
          choosing: .evenly(4), Self.map(w, x))
        #expect(way.iterates.count == 4, "\(what)")
        #expect(way.solution.report.failed.isEmpty, "\(what): \(way.solution.report)")
        #expect(way.iterates[3].scalars == way.solution.value.scalars, "\(what)")
        return way.iterates[3]
      }
      #expect(difference(found.value, plain.value, absolute: 1e-15) == nil, "\(what)")
      for (gradient, expected) in zip(found.gradients, plain.gradients) {
        #expect((gradient == nil) == (expected == nil), "\(what)")
        if let gradient, let expected {
          #expect(relativeError(gradient, expected) < 1e-12, "\(what)")
        }
      }
    }
  }

  @Test("an iterate has the value of the iteration and the gradient of the explicit composition")
  func intermediate() throws {
    let (w, x) = (Self.weight.variable(), Self.input.variable())
    let map = Self.map(w, x)
    var iterates = [testTensor([3, 5], seed: 11)]
    for _ in 0..<5 { iterates.append(withoutRecording { map(iterates[iterates.count - 1]) }) }
    for terms in [1, 3] {
      let way = try fixedPointTrajectory(
        from: iterates[0], estimator: .neumann(terms: terms, relaxation: 0.7),
        until: .evaluations(5), choosing: .after([0, 1, 3]), map)
      #expect(way.indices == [[0, 0, 0], [1, 1, 1], [3, 3, 3]])
      for (iterate, k) in zip(way.iterates, [0, 1, 3]) {
        #expect(difference(iterate, iterates[k], absolute: 1e-15) == nil)
        // The phantom gradient: damped steps from the iterate, at which J and df/dtheta are taken.
        let (image, pullback) = valueWithPullback(at: iterates[k], of: map)
        let v = iterates[k].square() * 3
        var sum = v * 0.7
        for _ in 1..<terms { sum = try v * 0.7 + sum * 0.3 + pullback(sum) * 0.7 }
        let expected = try gradients(of: image, cotangent: sum, retainingGraph: true)
        let found = try gradients(
          of: (iterate.square() * iterate).sum(), retainingGraph: true)
        for parameter in [w, x] {
          let gradient = try #require(found[parameter])
          #expect(relativeError(gradient, try #require(expected[parameter])) < 1e-13)
        }
      }
    }
  }

  @Test("unrolled, an iterate has the gradient of the steps that led to it")
  func unrolled() throws {
    func gradient(_ iterate: (Tensor) throws -> Tensor) throws -> Tensor {
      let w = Self.weight.variable()
      return try #require(try gradients(of: iterate(w).square().sum())[w])
    }
    let found = try gradient { w in
      try fixedPointTrajectory(
        from: Self.input, estimator: .unrolled, until: .evaluations(6), choosing: .after([2]),
        Self.map(w, Self.input)
      ).iterates[0]
    }
    let expected = try gradient { w in
      let map = Self.map(w, Self.input)
      return map(map(Self.input))
    }
    #expect(relativeError(found, expected) < 1e-14)
  }

  @Test("every sample has iterates of its own way, evenly spaced")
  func perSample() throws {
    let scale = Tensor([0.1, 0.5, 0.9], shape: [3, 1], dtype: .float64)
    let way = try fixedPointTrajectory(
      from: Self.input, until: .tolerance(relative: 1e-6, limit: 300), choosing: .evenly(3)
    ) { z in z * scale + 1 }
    let steps = way.solution.report.samples.map { $0.evaluations - 1 }
    #expect(way.indices[2] == steps && Set(steps).count == 3)
    #expect(way.indices[0] == steps.map { ($0 + 2) / 3 })
    for (iterate, indices) in zip(way.iterates, way.indices) {
      for sample in 0..<3 {
        var z = Self.input.samples([sample])
        for _ in 0..<indices[sample] { z = z * scale.samples([sample]) + 1 }
        #expect(difference(iterate.samples([sample]), z, absolute: 1e-14) == nil)
      }
    }
  }

  @Test("a loss weighs iterates by powers of the decay, and training on it is accepted by a layer")
  func loss() throws {
    struct Layer: FixedPointLayer {
      let w: Tensor
      var estimator: any BackwardEstimator = .oneStep
      let stoppingRule = StoppingRule.evaluations(6)
      func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
      func step(_ z: Tensor, given x: Tensor) -> Tensor { (z.matmul(w) + x).tanh() }
    }
    let layer = Layer(w: Self.weight.variable())
    let way = try layer.trajectory(Self.input, choosing: .evenly(3))
    let parts = way.iterates.map { $0.square().sum() }
    let total = try way.loss(decay: 0.5) { $0.square().sum() }
    #expect(
      abs(total.scalar - (parts[0].scalar / 4 + parts[1].scalar / 2 + parts[2].scalar)) < 1e-13)
    let found = try #require(try gradients(of: total, retainingGraph: true)[layer.w])
    let expected = try zip(parts, [0.25, 0.5, 1]).map {
      try #require(try gradients(of: $0, retainingGraph: true)[layer.w]) * $1
    }
    #expect(relativeError(found, expected[0] + expected[1] + expected[2]) < 1e-13)
    #expect(relativeError(found, expected[2]) > 0.01)
  }

  @Test(
    "estimators that do not keep the way say so; without recording all are good",
    arguments: TestedEstimator.ofSteps.filter { !$0.traits.contains(.plain) }
      .map { $0.make(.init(tolerance: 1e-9)) }
      + [.reversible()])
  func refused(_ estimator: any BackwardEstimator) throws {
    let w = Self.weight.variable()
    let solve = {
      try fixedPointTrajectory(
        from: Self.input, using: .paired(), estimator: estimator, until: .evaluations(6),
        Self.map(w, Self.input))
    }
    let error = #expect(throws: NoTrajectory.self) { try solve() }
    #expect(error.map { "\($0)" }?.contains(estimator.name) == true)
    #expect(try withoutRecording { try solve() }.iterates.count == 3)
  }
}
