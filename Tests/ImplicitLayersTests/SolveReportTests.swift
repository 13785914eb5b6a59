import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// z -> a z + 1, one factor per sample.
private func linear(_ factors: [Double]) -> FixedPointMap {
  let a = Tensor(factors, shape: [factors.count, 1], dtype: .float64)
  return FixedPointMap { z in z * a + 1 }
}
private let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-10, limit: 60)

@Suite struct SolveReportTests {
  @Test func eachSampleHasItsOwnOutcome() throws {
    let solution = try Picard().solve(
      linear([0.1, 0.5, 0.99, 1.5]), from: .zeros([4, 3], dtype: .float64), until: rule)
    let samples = solution.report.samples
    #expect(samples.map(\.outcome) == [.converged, .converged, .limitReached, .diverged])
    #expect(samples[0].evaluations < samples[1].evaluations)
    #expect(samples[2].evaluations == 60)
    #expect(solution.report.evaluations == 60)
    #expect(!solution.report.converged)
    #expect(solution.report.samples(.diverged) == [3])
    #expect(solution.report.description.contains("sample 3 of 4"))
    #expect(solution.report.description.contains("damp"))
  }

  @Test(arguments: TestedSolver.matrix)
  func theResidualIsThatOfTheReturnedPoint(_ tested: TestedSolver) throws {
    let map = linear([0.2, 0.6])
    let solution = try tested.solver.solve(
      map, from: .zeros([2, 3], dtype: .float64),
      until: .tolerance(relative: 0, absolute: 1e-10, limit: 200))
    let residuals = try (map(solution.value) - solution.value).normsOfSamples
    #expect(residuals == solution.report.samples.map(\.residual))
    #expect(residuals.allSatisfy { $0 <= 1e-10 })
  }

  @Test func aSampleDoesNotDependOnItsBatch() throws {
    let factors = [0.1, 0.5, 0.9]
    let together = try Picard().solve(
      linear(factors), from: .zeros([3, 1], dtype: .float64),
      until: .tolerance(relative: 1e-8, limit: 300))
    for (sample, factor) in factors.enumerated() {
      let alone = try Picard().solve(
        linear([factor]), from: .zeros([1, 1], dtype: .float64),
        until: .tolerance(relative: 1e-8, limit: 300))
      #expect(alone.value.scalars[0] == together.value.scalars[sample])
      #expect(alone.report.samples[0] == together.report.samples[sample])
    }
  }

  @Test func aNumberOfEvaluationsIsExact() throws {
    var calls = 0
    let solution = try Picard().solve(
      { z in
        calls += 1
        return z + 1
      }, from: .zeros([1, 1], dtype: .float64), until: .evaluations(3))
    #expect(calls == 3)
    #expect(solution.value.scalar == 3)
    #expect(solution.report.samples[0].outcome == .notMeasured)
    #expect(solution.report.samples[0].evaluations == 3)
  }

  @Test func dampingRescuesAnOscillation() throws {
    let map = linear([-1.5])
    let start = Tensor.zeros([1, 1], dtype: .float64)
    #expect(
      try Picard().solve(map, from: start, until: rule).report.samples[0].outcome != .converged)
    let damped = try Picard(relaxation: 0.5).solve(map, from: start, until: rule)
    #expect(abs(damped.value.scalar - 0.4) < 1e-10)
  }

  @Test func anEmptyBatchIsSolved() throws {
    let z = try fixedPoint(from: .zeros([0, 3]), estimator: .exact) { $0 * 0.5 }
    #expect(z.shape == [0, 3])
  }
}

@Suite struct MisuseTests {
  @Test func aMapThatReturnsAnotherShape() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try fixedPoint(from: .zeros([2, 3])) { $0.slice(0..<2, alongAxis: 1) } }
    #expect(errorText(result).contains("[2, 3]"))
    #expect(errorText(result).contains("[2, 2]"))
  }

  @Test func noTerms() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = NeumannSeries(terms: 0) }
    #expect(errorText(result).contains("at least one term"))
  }

  @Test func dampingOutOfRange() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Picard(relaxation: 1.5) }
    #expect(errorText(result).contains("1.5"))
  }
}
