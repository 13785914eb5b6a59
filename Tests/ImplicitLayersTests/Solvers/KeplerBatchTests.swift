import ImplicitLayers
import Tensors
import TestSupport
import Testing

private let orbits = KeplerBatch.five
private let rule = StoppingRule.tolerance(relative: 0, absolute: 1e-10, within: 1500)
private let solvers: [(String, any ForwardSolver)] = [
  ("Picard", .picard()), ("damped Picard", .picard(damping: 0.7)), ("Anderson", .anderson()),
  ("Broyden", .broyden()), ("Newton-Krylov", .newtonKrylov()), ("automatic", .automatic),
]

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

  @Test("a sample's result and report are bitwise those of the sample alone")
  func batchInvariance() throws {
    for isRestrictable in [true, false] {
      for (name, solver) in solvers {
        let together = try solver.solve(
          orbits.map(isRestrictable: isRestrictable), from: orbits.meanAnomalies, until: rule)
        for sample in 0..<5 {
          let one = orbits.samples([sample])
          let alone = try solver.solve(one.map(), from: one.meanAnomalies, until: rule)
          let what = "\(name), sample \(sample), restrictable: \(isRestrictable)"
          #expect(
            together.value.slice(sample..<sample + 1).scalars == alone.value.scalars, "\(what)")
          #expect(together.report.samples[sample] == alone.report.samples[0], "\(what)")
        }
      }
    }
  }

  @Test("every solver finds the hard orbit, the fast ones in a fraction of the evaluations")
  func theHardOrbit() throws {
    for (name, solver) in solvers where !name.contains("damped") {
      let solution = try solver.solve(orbits.map(), from: orbits.meanAnomalies, until: rule)
      let bound = name.contains("Picard") ? 1500 : 30
      #expect(solution.report.samples.allSatisfy { $0.outcome == .converged }, "\(name)")
      #expect(
        solution.report.samples.allSatisfy { $0.evaluations <= bound },
        "\(name): \(solution.report.samples.map(\.evaluations))")
      // |z - E| <= |g| / (1 - e) where e bounds the contraction.
      let errors = (solution.value - orbits.solution).normsOfSamples
      for sample in 0..<5 {
        let bound = solution.report.samples[sample].residual / (1 - orbits.eccentricities[sample])
        #expect(errors[sample] <= bound + 4e-16, "\(name), sample \(sample)")
      }
    }
  }

  @Test func gradientsOfTheHardOrbit() throws {
    let estimators: [any BackwardEstimator] = [.exact, .unrolled]
    for (name, solver) in solvers where !name.contains("damped") {
      for estimator in estimators {
        let (m, e) = (
          orbits.meanAnomalies.variable(), orbits.eccentricityColumn.variable()
        )
        let map = FixedPointMap({ z in m + e * z.sin() }) { positions in
          let (m, e) = (m.samples(positions), e.samples(positions))
          return { z in m + e * z.sin() }
        }
        let z = try fixedPoint(
          of: map, from: orbits.meanAnomalies, using: solver, estimator: estimator,
          until: .tolerance(relative: 0, absolute: 1e-15, within: 2500, patience: 30))
        let table = try gradients(of: z.sum())
        let byM = try #require(table[m])
        let byE = try #require(table[e])
        #expect(difference(z.detached(), orbits.solution, absolute: 1e-12) == nil, "\(name)")
        #expect(
          difference(byM, orbits.derivativeByMeanAnomaly, relative: 1e-10) == nil,
          "\(name), \(estimator): \(byM)")
        #expect(
          difference(byE, orbits.derivativeByEccentricity, relative: 1e-10) == nil,
          "\(name), \(estimator): \(byE)")
      }
    }
  }

  @Test("NaN in one sample changes no other, for every solver, with and without restriction")
  func poisonStaysInItsSample() throws {
    for isRestrictable in [true, false] {
      for (name, solver) in solvers {
        let healthy = try solver.solve(
          orbits.map(isRestrictable: isRestrictable), from: orbits.meanAnomalies, until: rule)
        var m = orbits.meanAnomalies.scalars
        m[2] = .nan
        let broken = Tensor(m, shape: [5, 1], dtype: .float64)
        let e = orbits.eccentricityColumn
        let image: (Tensor) throws -> Tensor = { z in broken + e * z.sin() }
        let map =
          isRestrictable
          ? FixedPointMap(image) { positions in
            let (m, e) = (broken.samples(positions), e.samples(positions))
            return { z in m + e * z.sin() }
          } : FixedPointMap(image)
        let poisoned = try solver.solve(map, from: orbits.meanAnomalies, until: rule)
        #expect(poisoned.report.samples[2].outcome == .nonFinite, "\(name)")
        // No iterate had a finite residual, so the first is as good as any.
        #expect(poisoned.value.scalars[2] == orbits.meanAnomalies.scalars[2], "\(name)")
        for sample in [0, 1, 3, 4] {
          #expect(poisoned.value.scalars[sample] == healthy.value.scalars[sample], "\(name)")
          #expect(poisoned.report.samples[sample] == healthy.report.samples[sample], "\(name)")
        }
      }
    }
  }
}
