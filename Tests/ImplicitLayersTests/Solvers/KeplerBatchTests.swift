import ImplicitLayers
import Tensors
import TestSupport
import Testing

private let orbits = KeplerBatch.five
private let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-10, limit: 5000)

@Suite struct KeplerBatchTests {
  @Test func picardTakesTheKnownNumbersOfEvaluations() throws {
    let report = try Picard().solve(orbits.map(), from: orbits.meanAnomalies, until: rule).report
    for (sample, count) in zip(report.samples, [9, 19, 34, 40, 1119]) {
      #expect(abs(sample.evaluations - count) <= 1)
      #expect(sample.outcome == .converged)
    }
  }

  @Test("evaluations are the sum over samples, below a quarter of the batch's maximum")
  func settledSamplesLeave() throws {
    var seen: [Int] = []
    let counted = FixedPointMap({ z in
      seen.append(z.shape[0])
      return try orbits.map()(z)
    }) { positions in
      let map = orbits.samples(positions).map()
      return { z in
        seen.append(z.shape[0])
        return try map(z)
      }
    }
    let report = try Picard().solve(counted, from: orbits.meanAnomalies, until: rule).report
    let longest = report.samples.map(\.evaluations).max() ?? 0
    #expect(report.sampleEvaluations == report.samples.map(\.evaluations).reduce(0, +))
    #expect(report.sampleEvaluations == seen.reduce(0, +))
    #expect(4 * report.sampleEvaluations <= 5 * longest)
    #expect(report.evaluations == longest)
  }

  @Test(
    "a sample's result and report are bitwise those of the sample alone",
    arguments: TestedSolver.matrix, [true, false])
  func batchInvariance(_ tested: TestedSolver, _ isRestrictable: Bool) throws {
    let together = try tested.solver.solve(
      orbits.map(isRestrictable: isRestrictable), from: orbits.meanAnomalies, until: rule)
    for sample in 0..<5 {
      let one = orbits.samples([sample])
      let alone = try tested.solver.solve(one.map(), from: one.meanAnomalies, until: rule)
      #expect(
        together.value.slice(sample..<sample + 1).scalars == alone.value.scalars, "sample \(sample)"
      )
      #expect(together.report.samples[sample] == alone.report.samples[0], "sample \(sample)")
    }
  }

  @Test(
    "every solver finds the hard orbit, the fast ones in a fraction of the evaluations",
    arguments: TestedSolver.matrix)
  func theHardOrbit(_ tested: TestedSolver) throws {
    let solution = try tested.solver.solve(orbits.map(), from: orbits.meanAnomalies, until: rule)
    // Plain iteration falls by 1 - tau (1 - J) = .985 or, damped, by .9895 a step.
    let limit = tested.relaxation.map { Int(1150 / $0) } ?? 30
    #expect(solution.report.samples.allSatisfy { $0.outcome == .converged })
    #expect(
      solution.report.samples.allSatisfy { $0.evaluations <= limit },
      "\(solution.report.samples.map(\.evaluations))")
    // |z - E| <= |g| / (1 - e) where e bounds the contraction.
    let errors = (solution.value - orbits.solution).normsOfSamples
    for sample in 0..<5 {
      let bound = solution.report.samples[sample].residual / (1 - orbits.eccentricities[sample])
      #expect(errors[sample] <= bound + 4e-16, "sample \(sample)")
    }
  }

  @Test(
    "gradients of a solve that samples leave one by one", arguments: TestedSolver.matrix,
    [.exact, .unrolled] as [any BackwardEstimator])
  func gradientsOfTheHardOrbit(_ tested: TestedSolver, _ estimator: any BackwardEstimator) throws {
    let problem = ClosedFormProblem.keplerBatch
    let (m, e) = (problem.parameters[0].variable(), problem.parameters[1].variable())
    let map = FixedPointMap({ z in m + e * z.sin() }) { positions in
      let (m, e) = (m.samples(positions), e.samples(positions))
      return { z in m + e * z.sin() }
    }
    let solution = try estimator.solution(
      of: map, from: problem.initial, using: tested.solver,
      until: .tolerance(relative: 1e-14, limit: tested.evaluations(for: problem)))
    let table = try gradients(of: solution.value.sum())
    let accuracy = Accuracy(dtype: .float64)
    #expect(solution.report.converged)
    #expect(accuracy.fault(inValue: solution.value, of: problem) == nil)
    #expect(
      accuracy.fault(
        inGradients: [table[m], table[e]], expected: problem.gradients, of: problem) == nil)
  }
}
