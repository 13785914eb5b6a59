import ConformanceChecks
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct SwappingTests {
  @Test(
    "the value after a number of evaluations is the same for every estimator, bit by bit",
    arguments: TestedSolver.pairs(
      TestedSolver.all.filter { $0.relaxation != nil }, TestedEstimator.all), [1, 2, 7])
  func sameBits(_ pair: (TestedSolver, TestedEstimator), _ evaluations: Int) throws {
    let (tested, estimator) = pair
    let found = try value(tested, estimator.make(.init(tolerance: 1e-6)), evaluations)
    #expect(try found == value(tested, .exact, evaluations))
  }

  /// Not Newton's methods, which evaluate their map once more where they record it.
  @Test(
    "so it is for a solver that accelerates, but for rounding where its window is recorded",
    arguments: TestedSolver.pairs(
      TestedSolver.accelerated.filter { !$0.takesDerivatives }, TestedEstimator.all), [1, 2, 7])
  func sameValue(_ pair: (TestedSolver, TestedEstimator), _ evaluations: Int) throws {
    let (tested, estimator) = pair
    let found = try value(tested, estimator.make(.init(tolerance: 1e-6)), evaluations)
    #expect(try difference(found, value(tested, .exact, evaluations), relative: 1e-12) == nil)
  }

  /// The value that an estimator returns, after as many calls of the map as the rule says.
  private func value(
    _ tested: TestedSolver, _ estimator: any BackwardEstimator, _ evaluations: Int
  ) throws -> [Double] {
    let w = testTensor([4, 4], seed: 3, scale: 0.4).variable()
    let x = testTensor([3, 4], seed: 4)
    var calls = 0
    let z = try fixedPoint(
      from: x.zerosLike(), using: tested.solver, estimator: estimator,
      until: .evaluations(evaluations)
    ) { z in
      calls += 1
      return (z.matmul(w) + x).tanh()
    }
    #expect(calls == evaluations)
    return z.scalars
  }
}

@Suite struct UnrolledStartTests {
  @Test(
    "where the start is accepted the gradient goes through one application, and the report says so")
  func acceptedStart() throws {
    let a = Tensor([0.5, 0.5], shape: [2, 1], dtype: .float64).variable()
    let start = Tensor([2, 0], shape: [2, 1], dtype: .float64)
    let solution = try solveFixedPoint(
      from: start, estimator: .unrolled, until: .tolerance(relative: 1e-10, limit: 200)
    ) { $0 * a + 1 }
    let gradient = try #require(gradients(of: solution.value.sum())[a]).scalars
    // d(a z + 1)/da = z at the start; the truth is z* / (1 - a) = 4.
    #expect(gradient[0] == 2)
    #expect(abs(gradient[1] - 4) < 1e-7)
    let steps = solution.report.samples.map(\.differentiatedSteps)
    #expect(steps[0] == 1 && (steps[1] ?? 0) > 20, "\(steps)")
    #expect(solution.report.description.contains("accepted at once in sample 0,"))
  }

  @Test("one step that is differentiated is no start that was accepted")
  func oneStep() throws {
    let a = Tensor([0.5], shape: [1, 1], dtype: .float64).variable()
    let start = Tensor.zeros([1, 1], dtype: .float64)
    let rule = StoppingRule.tolerance(relative: 1e-10, limit: 200)
    let last = try solveFixedPoint(from: start, estimator: .unrolled(lastSteps: 1), until: rule) {
      $0 * a + 1
    }.report
    #expect(last.samples[0].differentiatedSteps == 1 && last.evaluations > 20)
    // Solved by the first step, of which the gradient is exact.
    let constant = try solveFixedPoint(from: start, estimator: .unrolled, until: rule) {
      $0 * 0 + a
    }
    #expect(constant.report.samples[0].differentiatedSteps == 1)
    #expect(try gradients(of: constant.value.sum())[a]?.scalars == [1])
    for report in [last, constant.report] {
      #expect(!report.description.contains("accepted at once"), "\(report)")
    }
  }

  @Test(
    "all samples accepted at once are differentiated, not refused",
    arguments: [.unrolled, .unrolled(lastSteps: 2), .unrolled(keeping: .squareRoot)] as [Unrolled])
  func allAccepted(_ estimator: Unrolled) throws {
    let a = Tensor([0.5], shape: [1, 1], dtype: .float64).variable()
    let z = try fixedPoint(
      from: Tensor([2], shape: [1, 1], dtype: .float64), estimator: estimator,
      until: .tolerance(relative: 1e-10, limit: 200)
    ) { $0 * a + 1 }
    #expect(try gradients(of: z.sum())[a]?.scalars == [2])
  }

  @Test(
    "truncated gradients are never zero in silence, whatever the solver and the batch",
    arguments: TestedSolver.accelerated,
    [.unrolled(lastSteps: 2), .unrolled(keeping: .squareRoot)] as [Unrolled])
  func truncatedReplays(_ tested: TestedSolver, _ estimator: Unrolled) throws {
    for seed in 1...40 {
      let w = testTensor([3, 3], seed: seed, scale: 0.5).variable()
      let x = testTensor([2, 3], seed: seed + 50)
      let z = try fixedPoint(
        from: x.zerosLike(), using: tested.solver, estimator: estimator,
        until: .tolerance(relative: 1e-10, limit: 300)
      ) { z in (z.matmul(w) + x).tanh() }
      let gradient = try #require(gradients(of: z.sum())[w])
      #expect(gradient.largestMagnitude > 1e-3, "\(seed)")
    }
  }
}

/// Longer and longer steps from the first point: every iterate comes directly from it.
private struct FromTheFirst: ForwardSolver {
  struct History: PerSample {
    var first: Tensor?
    var residual: Tensor?
    var length = 0.0
    mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&first)
      visitor.visit(&residual)
    }
  }
  func makeHistory() -> History { History() }
  func next(after point: Iterate, _ history: inout History) -> Tensor {
    let (first, residual) = (history.first ?? point.z, history.residual ?? point.residual)
    (history.first, history.residual) = (first, residual)
    history.length += 0.25
    return first + residual * history.length
  }
}

@Suite struct TruncationAfterGoingBackTests {
  @Test("an iterate from before the last steps has the gradient of one application, not zero")
  func goingBack() throws {
    for kept in [Unrolled.Kept.everyStep, .checkpoints(every: 3)] {
      let a = Tensor([0.5], shape: [1, 1], dtype: .float64).variable()
      // From 0 with residual 1 to z* = 2, the eighth iterate.
      let z = try fixedPoint(
        from: .zeros([1, 1], dtype: .float64), using: FromTheFirst(),
        estimator: .unrolled(lastSteps: 2, keeping: kept),
        until: .tolerance(relative: 1e-12, limit: 20)
      ) { $0 * a + 1 }
      #expect(z.scalar == 2)
      #expect(try gradients(of: z.sum())[a]?.scalars == [2], "\(kept)")
    }
  }
}

@Suite struct MixedSampleTests {
  private let weight = testTensor([3, 3], seed: 2, scale: 0.3)

  @Test("a map that treats columns as the state is found out")
  func columns() throws {
    let mixing = try LayerChecks(
      of: { z in self.weight.matmul(z) }, at: testTensor([3, 1], seed: 1)
    ).failures()
    #expect(mixing.first?.contains("samples mix") ?? false, "\(mixing)")
    let separate = try LayerChecks(
      of: { z in z.matmul(self.weight) }, at: testTensor([2, 3], seed: 1)
    ).failures()
    #expect(separate.isEmpty)
  }
}

@Suite struct NestedDerivativeTests {
  @Test(
    "a gradient step inside a map is differentiated through its gradient",
    arguments: TestedEstimator.accurate + TestedEstimator.everyStep)
  func gradientStep(_ estimator: TestedEstimator) throws {
    // z - a dL/dz with L = sum(c z^2) / 2 - b z is z - a (c z - b): z* = b / c, J = 1 - a c.
    let c = Tensor([2], shape: [1, 1], dtype: .float64).variable()
    let b = Tensor([3], shape: [1, 1], dtype: .float64).variable()
    let z = try fixedPoint(
      from: .zeros([1, 1], dtype: .float64), estimator: estimator.make(.init(tolerance: 1e-12)),
      until: .tolerance(relative: 1e-14, limit: 300)
    ) { z in
      let (value, pullback) = valueWithPullback(at: z, creatingGraph: true) { z in
        (z.square() * c * 0.5 - z * b)
      }
      return try z - pullback(.ones(value.shape, dtype: .float64)) * 0.2
    }
    let table = try gradients(of: z.sum())
    #expect(abs(z.scalar - 1.5) < 1e-12)
    #expect(abs(try #require(table[b]).scalar - 0.5) < 1e-8)
    #expect(abs(try #require(table[c]).scalar + 0.75) < 1e-8)
  }
}
