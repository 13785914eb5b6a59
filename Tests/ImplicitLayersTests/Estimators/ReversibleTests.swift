import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// The paired iteration and the gradient that undoes its steps.
@Suite struct ReversibleTests {
  private static let weight = testTensor([5, 5], seed: 3, scale: 0.35)
  private static let input = testTensor([3, 5], seed: 4)

  /// What a layer gives: the value and the gradients of w, x and z0, for a loss of the solution.
  private func gradientsOfTanh(
    _ estimator: any BackwardEstimator, relaxation: Double = 0.5, until rule: StoppingRule,
    from start: Tensor = testTensor([3, 5], seed: 9, scale: 0.5), dtype: DType = .float64,
    weight: Tensor = ReversibleTests.weight
  ) throws -> (solution: Solution<Tensor>, gradients: [Tensor]) {
    let w = weight.converted(to: dtype).variable()
    let x = Self.input.converted(to: dtype).variable()
    let z0 = start.converted(to: dtype).variable()
    let solution = try estimator.solution(
      of: FixedPointMap { z in (z.matmul(w) + x).tanh() }, from: z0,
      using: .paired(relaxation: relaxation), until: rule)
    let table = try gradients(of: (solution.value.square() * solution.value).sum())
    return (solution, try [w, x, z0].map { try #require(table[$0]) })
  }

  @Test("the iteration is the published pair, two evaluations a step", arguments: [0.3, 0.5, 0.8])
  func published(_ b: Double) throws {
    let map = { (z: Tensor) in (z.matmul(Self.weight) + Self.input).tanh() }
    var (y, z) = (testTensor([3, 5], seed: 2), testTensor([3, 5], seed: 2))
    for steps in 1...4 {
      y = y * (1 - b) + map(z) * b
      z = z * (1 - b) + map(y) * b
      let found = try PairedIteration(relaxation: b).solve(
        map, from: testTensor([3, 5], seed: 2), until: .evaluations(2 * steps))
      #expect(difference(found.value, z, absolute: 1e-15) == nil)
    }
  }

  @Test("equal to unrolling the same iteration", arguments: [1, 2, 5, 24], [0.3, 0.5, 0.8])
  func unrolled(_ evaluations: Int, _ relaxation: Double) throws {
    let rule = StoppingRule.evaluations(evaluations)
    let found = try gradientsOfTanh(.reversible(), relaxation: relaxation, until: rule)
    let expected = try gradientsOfTanh(.unrolled, relaxation: relaxation, until: rule)
    #expect(found.solution.value.scalars == expected.solution.value.scalars)
    // That of the start is small after many steps: it counts beside that of the input, of its shape.
    let scale = expected.gradients[1].largestMagnitude
    for (gradient, exact) in zip(found.gradients, expected.gradients) {
      #expect((gradient - exact).largestMagnitude < 1e-10 * max(scale, exact.largestMagnitude))
      #expect(exact.largestMagnitude > 0)
    }
  }

  @Test("samples that end after different numbers of steps, one of them at once")
  func samples() throws {
    let rule = StoppingRule.tolerance(relative: 1e-3, limit: 60)
    let exact = try PairedIteration().solve(
      { z in (z.matmul(Self.weight) + Self.input).tanh() }, from: Self.input.zerosLike(),
      until: .tolerance(relative: 1e-12, limit: 300)
    ).value
    let start = testTensor([3, 5], seed: 9)
      .replacingSamples([false, true, false], with: exact)
      .replacingSamples([false, false, true], with: exact * 0.99)
    let found = try gradientsOfTanh(.reversible(), until: rule, from: start)
    let expected = try gradientsOfTanh(.unrolled, until: rule, from: start)
    let steps = found.solution.report.samples.map(\.differentiatedSteps)
    #expect(steps == expected.solution.report.samples.map(\.differentiatedSteps))
    #expect(steps[1] == 1 && Set(steps).count == 3, "\(steps)")
    #expect(found.solution.report.converged)
    for (gradient, exact) in zip(found.gradients, expected.gradients) {
      #expect(relativeError(gradient, exact) < 1e-10)
    }
  }

  @Test("closed forms, with anchors for the steps that precision takes", arguments: [0.5, 0.8])
  func closedForms(_ relaxation: Double) throws {
    for problem in ClosedFormProblem.all where problem.contraction < 0.8 {
      let result = try differentiate(
        problem, .reversible(anchors: 8), using: .paired(relaxation: relaxation),
        until: .tolerance(relative: 1e-13, limit: 1000))
      #expect(result.solution.report.converged, "\(problem)")
      for (gradient, exact) in zip(result.gradients, problem.gradients) {
        #expect(relativeError(try #require(gradient), exact) < 1e-7, "\(problem)")
      }
    }
  }

  @Test("a drift is an error that names what to do, and anchors are a remedy")
  func drift() throws {
    let rule = StoppingRule.evaluations(40)
    func gradients(_ estimator: any BackwardEstimator, _ dtype: DType) throws -> [Tensor] {
      try gradientsOfTanh(
        estimator, relaxation: 0.8, until: rule, dtype: dtype, weight: Self.weight * 3
      ).gradients
    }
    let error = #expect(throws: ReversalDrift.self) { try gradients(.reversible(), .float32) }
    let message = error.map { "\($0)" } ?? ""
    #expect(message.contains("undoing 40 evaluations") && message.contains("anchors"))
    let exact = try gradients(.unrolled, .float64)
    let kept = try gradients(.reversible(anchors: 4), .float32)
    for (gradient, exact) in zip(kept.dropLast(), exact) {
      #expect(relativeError(gradient.converted(to: .float64), exact) < 1e-4)
    }
    // Accepting anything, the gradient is off by a hundredth and more.
    let drifted = try gradients(.reversible(tolerance: .infinity), .float32)
    #expect(relativeError(drifted[0].converted(to: .float64), exact[0]) > 1e-3)
  }

  @Test("the estimated error is no less than a tenth of the true one, in both precisions")
  func errorIsMeasured() throws {
    for (dtype, counts) in [(DType.float32, [8, 16, 24]), (.float64, [16, 32, 64])] {
      for count in counts {
        let rule = StoppingRule.evaluations(count)
        let exact = try gradientsOfTanh(.unrolled, until: rule).gradients
        let tolerance = 1e-6
        do {
          let found = try gradientsOfTanh(
            .reversible(tolerance: tolerance), until: rule, dtype: dtype
          ).gradients
          for (gradient, exact) in zip(found.dropLast(), exact) {
            let error = relativeError(gradient.converted(to: .float64), exact)
            let rounding = dtype == .float32 ? 4e-6 : 0
            #expect(error < 10 * tolerance + rounding, "\(dtype), \(count): \(error)")
          }
        } catch is ReversalDrift {
          #expect(count >= (dtype == .float32 ? 16 : 64), "\(dtype), \(count)")
        }
      }
    }
  }

  @Test(
    "another solver's steps are not undone, and the error says which one would be",
    arguments: TestedSolver.defaults.filter { !($0.solver is PairedIteration) })
  func otherSolvers(_ tested: TestedSolver) throws {
    let b = testTensor([2, 3]).variable()
    let error = #expect(throws: IrreversibleSolver.self) {
      try fixedPoint(from: b, using: tested.solver, estimator: .reversible()) { z in z * 0.5 + b }
    }
    #expect(error.map { "\($0)" }?.contains(".paired()") == true)
  }

  @Test("the tape holds one state, and the way back one application, whatever the number of steps")
  func memory() async {
    await #expect(processExitsWith: .success) {
      func peak(_ estimator: any BackwardEstimator, _ steps: Int) throws -> (tape: Int, all: Int) {
        let b = testTensor([64, 100]).variable()
        let w = testTensor([100, 100], scale: 0.02).variable()
        let before = TensorMemory.liveBytes
        TensorMemory.resetPeak()
        let z = try estimator.solution(
          of: FixedPointMap { z in (z.matmul(w) + b).tanh() }, from: b.zerosLike(),
          using: .paired(), until: .evaluations(steps))
        let tape = TensorMemory.liveBytes - before
        _ = try gradients(of: z.value.sum())
        return (tape, TensorMemory.peakBytes - before)
      }
      let few = try peak(.reversible(tolerance: .infinity), 10)
      let many = try peak(.reversible(tolerance: .infinity), 400)
      #expect(few == many, "\(few) to \(many)")
      #expect(try peak(.unrolled, 400).tape > 20 * many.tape)
    }
  }

  @Test("gradients are differentiated again as those of the iteration")
  func second() throws {
    func second(_ estimator: any BackwardEstimator) throws -> [Tensor] {
      let w = Self.weight.variable()
      let x = Self.input.variable()
      let z = try estimator.solution(
        of: FixedPointMap { z in (z.matmul(w) + x).tanh() }, from: x, using: .paired(),
        until: .evaluations(9))
      let table = try gradients(of: (z.value * z.value).sum(), creatingGraph: true)
      let g = try (#require(table[w]).square().sum() + #require(table[x]).square().sum())
      let again = try gradients(of: g)
      return try [w, x].map { try #require(again[$0]) }
    }
    for (found, exact) in zip(try second(.reversible()), try second(.unrolled)) {
      #expect(relativeError(found, exact) < 1e-10)
    }
  }

  @Test("a spiral on which plain iteration diverges is solved, and has the exact gradient")
  func spiral() throws {
    // J has the eigenvalues .2 + 1.5 i and .2 - 1.5 i.
    let a = Tensor([0.2, 1.5, -1.5, 0.2], shape: [2, 2], dtype: .float64)
    func gradient(_ estimator: any BackwardEstimator) throws -> Tensor {
      let b = Tensor([1, 2], shape: [1, 2], dtype: .float64).variable()
      let z = try fixedPoint(
        from: b.zerosLike(), using: .paired(), estimator: estimator,
        until: .tolerance(relative: 1e-12, limit: 400)
      ) { z in z.matmul(a) + b }
      return try #require(try gradients(of: z.square().sum())[b])
    }
    let exact = try gradient(.exact)
    #expect(relativeError(try gradient(.reversible(anchors: 10)), exact) < 1e-7)
    let plain = try Picard().solve(
      { z in z.matmul(a) + 1 }, from: .zeros([1, 2], dtype: .float64),
      until: .tolerance(relative: 1e-12, limit: 400))
    #expect(!plain.report.converged)
  }
}
