import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct UnrolledTests {
  private let tight = StoppingRule.tolerance(relative: 0, absolute: 2e-15, limit: 400)

  @Test(
    "checkpoints change no gradient, with a fixed number of evaluations and a tolerance",
    arguments: ClosedFormProblem.all,
    // With memories that are full, and cleared, within eleven evaluations too.
    TestedSolver.defaults + [
      TestedSolver("broyden of 6 updates", .broyden(updates: 6)),
      TestedSolver("anderson of depth 3", .anderson(depth: 3)),
    ])
  func checkpoints(_ problem: ClosedFormProblem, _ tested: TestedSolver) throws {
    let kinds: [Unrolled.Kept] = [
      .checkpoints(every: 1), .checkpoints(every: 4), .checkpoints(every: 100), .squareRoot,
    ]
    for rule in [StoppingRule.evaluations(11), tight] {
      let plain = try differentiate(problem, .unrolled, using: tested.solver, until: rule)
      for kind in kinds {
        let kept = try differentiate(
          problem, .unrolled(keeping: kind), using: tested.solver, until: rule)
        let what = "\(kind), \(rule.limit)"
        #expect(
          difference(kept.solution.value, plain.solution.value, absolute: 1e-14) == nil, "\(what)")
        for (a, b) in zip(kept.gradients, plain.gradients) {
          let (a, b) = (try #require(a), try #require(b))
          #expect(difference(a, b, relative: 1e-11) == nil, "\(what)")
        }
        // Newton's steps are differentiated at what they converge to: a start has no gradient, or, where
        // the tape cannot tell, zero.
        let zero = problem.initial.zerosLike()
        let (a, b) = (kept.initialGradient ?? zero, plain.initialGradient ?? zero)
        #expect(difference(a, b, relative: 1e-12, absolute: 1e-13) == nil, "\(what)")
      }
    }
  }

  @Test("the last k steps of a linear iteration at its fixed point are k terms of the series")
  func truncation() throws {
    for (terms, rule) in [(1, tight), (3, tight), (3, .evaluations(200))] {
      let series = try differentiate(.rationalLinear, .neumann(terms: terms), until: tight)
      for kept in [Unrolled.Kept.everyStep, .checkpoints(every: 2)] {
        let last = try differentiate(
          .rationalLinear, .unrolled(lastSteps: terms, keeping: kept), until: rule)
        let (a, b) = (try #require(last.gradients[1]), try #require(series.gradients[1]))
        #expect(difference(a, b, relative: 1e-12) == nil, "\(terms) steps, \(kept)")
        #expect(last.initialGradient == nil)
      }
    }
  }

  @Test("samples that end at different steps are each truncated before their own end")
  func truncationPerSample() throws {
    let factors = Tensor([0.05, 0.5, 0.8], shape: [3, 1], dtype: .float64)
    let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-12, limit: 300)
    for kept in [Unrolled.Kept.everyStep, .checkpoints(every: 7), .squareRoot] {
      let b = Tensor.ones([3, 2], dtype: .float64).variable()
      let solution = try Unrolled(lastSteps: 3, keeping: kept).solution(
        of: FixedPointMap { $0 * factors + b }, from: b.zerosLike(), using: .picard(), until: rule)
      #expect(Set(solution.report.samples.map(\.evaluations)).count == 3)
      let gradient = try #require(gradients(of: solution.value.sum())[b]).scalars
      let expected = [0.05, 0.5, 0.8].map { 1 + $0 + $0 * $0 }.flatMap { [$0, $0] }
      #expect(difference(gradient, expected, relative: 1e-14) == nil, "\(kept)")
    }
  }

  @Test("more last steps than steps are all of them")
  func moreThanAll() throws {
    let rule = StoppingRule.evaluations(4)
    let plain = try differentiate(.manufacturedTanh(0.25), .unrolled, until: rule)
    let last = try differentiate(.manufacturedTanh(0.25), .unrolled(lastSteps: 9), until: rule)
    #expect(last.gradients[0]?.scalars == plain.gradients[0]?.scalars)
    #expect(last.initialGradient?.scalars == plain.initialGradient?.scalars)
  }

  @Test("without recording nothing is replayed")
  func withoutTape() throws {
    var calls = 0
    _ = try withoutRecording {
      try Unrolled(keeping: .squareRoot).solution(
        of: FixedPointMap { z in
          calls += 1
          return z * 0.5
        }, from: .ones([1, 1]), using: .picard(), until: .evaluations(6))
    }
    #expect(calls == 6)
  }
}

@Suite struct EstimatorMisuseTests {
  @Test func noTerms() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = NeumannSeries(terms: 0, relaxation: 0.5) }
    #expect(errorText(result).contains("at least one term, not 0"))
  }

  @Test func dampingOfASeries() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = NeumannSeries(terms: 5, relaxation: 1.2) }
    #expect(errorText(result).contains("(0, 1], not 1.2"))
  }

  @Test func noLastStep() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Unrolled(lastSteps: 0) }
    #expect(errorText(result).contains("at least one step, not 0"))
  }

  @Test func anEstimateOfAnotherShape() async {
    struct Wrong: AdjointEstimator {
      func estimate(_ problem: AdjointProblem) -> AdjointEstimate {
        AdjointEstimate(value: problem.cotangent.slice(0..<1, alongAxis: 1))
      }
    }
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let b = Tensor.ones([2, 3], dtype: .float64).variable()
      let z = try fixedPoint(from: b.zerosLike(), estimator: Wrong()) { $0 * 0.5 + b }
      _ = try gradients(of: z.sum())
    }
    #expect(
      errorText(result).contains("[2, 3]")
        && errorText(result).contains("[2, 1]"))
  }

  @Test func reuseOfAnInverseThatWasNotLearned() throws {
    let b = Tensor.ones([1, 2], dtype: .float64).variable()
    let error = #expect(throws: MissingInverse.self) {
      try fixedPoint(from: b.zerosLike(), estimator: .quasiNewtonReuse()) { $0 * 0.5 + b }
    }
    #expect(error?.description.contains("Broyden") ?? false)
  }
}
