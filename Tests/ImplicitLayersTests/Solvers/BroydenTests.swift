import ImplicitLayers
import Tensors
import TestSupport
import Testing

private func solve(
  _ problem: ClosedFormProblem, _ solver: any ForwardSolver, absolute: Double
) throws -> Solution<Tensor> {
  try solver.solve(
    { problem.map($0, problem.parameters) }, from: problem.initial,
    until: .tolerance(relative: 0, absolute: absolute, limit: 100))
}

@Suite struct BroydenTests {
  @Test("at most 2n steps on a linear map of n = 3 unknowns (Gay 1979)")
  func finiteTermination() throws {
    let report = try solve(.rationalLinear, .broyden(), absolute: 1e-10).report
    #expect(report.converged)
    #expect(report.evaluations - 1 <= 6)
  }

  @Test("the tanh problem takes 13 and 18 steps", arguments: [(0.25, 13), (0.45, 18)])
  func stepCounts(_ s: Double, _ steps: Int) throws {
    let report = try solve(.manufacturedTanh(s), .broyden(), absolute: 1e-12).report
    #expect(report.converged)
    #expect(abs(report.evaluations - 1 - steps) <= 1, "\(report.evaluations)")
  }

  @Test("a memory of four still converges, starting again when it is full")
  func limitedMemory() throws {
    let report = try solve(.manufacturedTanh(0.45), .broyden(updates: 4), absolute: 1e-12).report
    #expect(report.converged)
    #expect(report.evaluations < 60)
  }

  @Test("what was learned satisfies the last secant equation and is a transpose pair")
  func learnedInverse() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    var iterates: [Tensor] = []
    let solution = try Broyden().solve(
      { z in
        iterates.append(z)
        return problem.map(z, problem.parameters)
      }, from: problem.initial, until: .tolerance(relative: 0, absolute: 1e-6, limit: 50))
    let inverse = try #require(solution.inverse)
    // The last iterate ended the solve; the pair before it was learned.
    let points = iterates.dropLast().suffix(2).map { z in
      (z, problem.map(z, problem.parameters) - z)
    }
    let (s, y) = (points[1].0 - points[0].0, points[1].1 - points[0].1)
    #expect(difference(inverse.applied(to: y), s, relative: 1e-9) == nil)
    let (a, b) = (testTensor([1, 8], seed: 2), testTensor([1, 8], seed: 3))
    let left = (a * inverse.applied(to: b)).sum().scalar
    let right = (inverse.transposeApplied(to: a) * b).sum().scalar
    #expect(abs(left - right) < 1e-12)
    // -H^T v is nearer to the exact adjoint than v, and is no better than a guess.
    let v = Tensor.ones([1, 8], dtype: .float64)
    let jacobians = try jacobiansOfSamples(at: solution.value) {
      problem.map($0, problem.parameters)
    }
    let exact = try LUFactorization(of: Tensor.identity(8, dtype: .float64) - jacobians)
      .solve(v, transposed: true)
    let errors = [-inverse.transposeApplied(to: v), v].map {
      ($0 - exact).normsOfSamples[0] / exact.normsOfSamples[0]
    }
    #expect(errors[0] < 0.8 * errors[1], "\(errors)")
  }

  @Test("the inverse of every sample survives its leaving the solve")
  func inverseOfSettledSamples() throws {
    let orbits = KeplerBatch.five
    let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-10, limit: 100)
    let together = try Broyden().solve(orbits.map(), from: orbits.meanAnomalies, until: rule)
    let v = testTensor([5, 1], seed: 9)
    let learned = try #require(together.inverse).applied(to: v)
    for sample in 0..<5 {
      let one = orbits.samples([sample])
      let alone = try Broyden().solve(one.map(), from: one.meanAnomalies, until: rule)
      let expected = try #require(alone.inverse).applied(to: v.samples([sample]))
      #expect(learned.scalars[sample] == expected.scalars[0])
      // One unknown: H is the inverse derivative itself, up to the last secant.
      let exact = -1 * orbits.derivativeByMeanAnomaly.scalars[sample] * v.scalars[sample]
      #expect(abs(learned.scalars[sample] / exact - 1) < 1e-2)
    }
  }

  @Test("resuming takes fewer evaluations than starting from the previous value alone")
  func warmStart() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    let previous = try solve(problem, .broyden(), absolute: 1e-10)
    let b = problem.parameters[1] + testTensor([8], seed: 4, scale: 1e-2)
    let moved = { (z: Tensor) in problem.map(z, [problem.parameters[0], b]) }
    let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-10, limit: 100)
    let cold = try Broyden().solve(moved, from: problem.initial, until: rule)
    let warm = try Broyden().solve(moved, from: previous.value, until: rule)
    let resumed = try Broyden(resuming: previous.inverse).solve(
      moved, from: previous.value, until: rule)
    let counts = [resumed, warm, cold].map(\.report.evaluations)
    #expect(resumed.report.converged)
    #expect(counts[0] < counts[1] && counts[1] < counts[2], "\(counts)")
  }
}
