import ImplicitLayers
import Tensors
import TestSupport
import Testing

// What is handed out is the point that the report speaks of, and never more evaluations of it than
// were granted.

@Suite struct ReturnedPointTests {
  @Test(
    "the value of every estimator has the residual that is reported",
    arguments: TestedSolver.pairs(TestedSolver.all, TestedEstimator.all),
    [DType.float64, .float32])
  func residual(_ pair: (TestedSolver, TestedEstimator), _ dtype: DType) throws {
    let (tested, estimator) = pair
    let tolerance = dtype == .float64 ? 1e-9 : 1e-5
    let w = testTensor([6, 6], seed: 3, scale: 0.3, dtype: dtype).variable()
    let x = testTensor([3, 6], seed: 4, dtype: dtype)
    let map = FixedPointMap { z in (z.matmul(w) + x).tanh() }
    let solution = try estimator.make(.init(tolerance: tolerance)).solution(
      of: map, from: x.zerosLike(), using: tested.solver,
      until: .tolerance(relative: tolerance, limit: 200))
    let z = solution.value.detached()
    let residuals = try withoutRecording { try (map(z) - z).normsOfSamples }
    #expect(residuals == solution.report.samples.map(\.residual))
  }

  @Test("where nothing was found an estimator returns the best iterate, not its image")
  func bestIterate() throws {
    let b = Tensor([1, 1], shape: [2, 1], dtype: .float64).variable()
    let factors = Tensor([0.5, 3], shape: [2, 1], dtype: .float64)
    let rule = StoppingRule.tolerance(
      relative: 0, absolute: 1e-12, limit: 90, onFailure: .keeping)
    let z = try fixedPoint(from: b.zerosLike(), estimator: .exact, until: rule) { $0 * factors + b }
    #expect(z.scalars[1] == 0)
    #expect(try gradients(of: z.sum())[b]?.scalars == [2, -0.5])
    let again = try withoutRecording {
      try fixedPoint(from: b.zerosLike(), estimator: .exact, until: rule) { $0 * factors + b }
    }
    #expect(again.scalars == z.scalars)
  }

  @Test("an image that overflows has not converged, though inf <= inf", arguments: TestedSolver.all)
  func overflow(_ tested: TestedSolver) throws {
    let start = Tensor([1e200, 0.5], shape: [2, 1], dtype: .float64)
    let report = try tested.solver.solve(
      { z in z.square() * 0.5 }, from: start, until: .tolerance(relative: 1e-6, limit: 40)
    ).report
    #expect(report.samples[0].outcome == .nonFinite)
  }

  @Test(
    "no sample takes more evaluations than granted, those of a linearisation included",
    arguments: TestedSolver.all,
    [.exact, .unrolled, .unrolled(keeping: .squareRoot)] as [any BackwardEstimator])
  func limit(_ tested: TestedSolver, _ estimator: any BackwardEstimator) throws {
    let orbits = KeplerBatch.five
    for limit in 1...6 {
      let solution = try estimator.solution(
        of: orbits.map(), from: orbits.meanAnomalies.variable(), using: tested.solver,
        until: .tolerance(relative: 0, absolute: 1e-12, limit: limit))
      let evaluations = solution.report.samples.map(\.evaluations)
      #expect(evaluations.allSatisfy { $0 <= limit }, "\(limit): \(evaluations)")
    }
  }

  @Test(
    "truncation works after an accelerated solver has filled and refilled its memory",
    arguments: [.anderson(depth: 3), .broyden(updates: 3), .automatic] as [any ForwardSolver])
  func truncatedAcceleration(_ solver: any ForwardSolver) throws {
    let w = testTensor([6, 6], seed: 3, scale: 0.35).variable()
    let x = testTensor([3, 6], seed: 4)
    let gradient = { (estimator: Unrolled) -> Tensor in
      let z = try fixedPoint(
        from: x.zerosLike(), using: solver, estimator: estimator, until: .evaluations(12)
      ) { z in (z.matmul(w) + x).tanh() }
      return try #require(gradients(of: z.square().sum())[w])
    }
    let whole = try gradient(.unrolled)
    #expect(try difference(gradient(.unrolled(lastSteps: 12)), whole, relative: 1e-8) == nil)
    let part = try gradient(.unrolled(lastSteps: 5))
    #expect(relativeError(part, whole) < 0.3, "\(relativeError(part, whole))")
  }
}

@Suite struct NestedLayerTests {
  private let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-13, limit: 200)

  @Test(
    "a layer inside the map of another, with every solver", arguments: TestedSolver.defaults,
    [
      .exact, .gmres(tolerance: 1e-12), .unrolled, .iterative(.newtonKrylov(), tolerance: 1e-12),
    ] as [any BackwardEstimator])
  func nested(_ tested: TestedSolver, _ estimator: any BackwardEstimator) throws {
    let inputs = [
      testTensor([3, 3], seed: 1, scale: 0.3), testTensor([3, 3], seed: 2, scale: 0.3),
      testTensor([2, 3], seed: 3),
    ]
    let solver = tested.solver
    let found = try gradientDifference(inputs, tolerance: 1e-6) { p in
      try fixedPoint(
        from: p[2].zerosLike(), using: solver, estimator: estimator, until: rule
      ) { z in
        let inner = try fixedPoint(
          from: z.zerosLike(), using: solver, estimator: .exact, until: rule
        ) { y in (y.matmul(p[0]) + z).tanh() }
        return (inner.matmul(p[1]) + p[2]).tanh()
      }
    }
    #expect(found == nil)
  }

  @Test("the spectral norm of a map that solves: products J s by way of the dense Jacobian")
  func spectralNormThroughALayer() throws {
    var generator = Philox(seed: 4)
    let half = { (z: Tensor) in
      // y = y / 2 + z / 4 + ..., so that y = z / 2.
      try fixedPoint(from: z.zerosLike(), until: rule) { y in y * 0.5 + z * 0.25 }
    }
    let norms = try spectralNorm(of: half, at: testTensor([2, 3]), using: &generator)
    #expect(difference(norms, [0.5, 0.5], absolute: 1e-12) == nil)
  }
}
