import ImplicitLayers
import Tensors
import TestSupport
import Testing

private func problem(_ name: String) throws -> PublishedProblem {
  try #require(PublishedProblem.all.first { $0.name == name })
}

/// Samples that go uphill, back, in shorter steps, or are probed.
@Suite struct StrayingSampleTests {
  @Test(
    "a sample's way is bitwise that of the sample alone, whichever way others go",
    arguments: ["Rosenbrock", "Powell, singular", "Himmelblau"], TestedSolver.accelerated)
  func independence(_ name: String, _ tested: TestedSolver) throws {
    let problem = try problem(name)
    let map = problem.map
    let factors = [1.0, -2, 0.5, 3, 1e-3, -20]
    let starts = Tensor(
      factors.flatMap { factor in problem.initial.map { $0 * factor } },
      shape: [factors.count, problem.dimension], dtype: .float64)
    let rule = StoppingRule.tolerance(relative: 1e-9, absolute: 1e-9, limit: 300)
    for isRestrictable in [true, false] {
      let whole =
        isRestrictable
        ? FixedPointMap({ map($0) }) { _ in { map($0) } } : FixedPointMap { map($0) }
      let together = try tested.solver.solve(whole, from: starts, until: rule)
      for sample in factors.indices {
        let alone = try tested.solver.solve(
          { map($0) }, from: starts.samples([sample]), until: rule)
        let what = "restrictable: \(isRestrictable), sample \(sample)"
        #expect(together.value.samples([sample]).scalars == alone.value.scalars, "\(what)")
        #expect(together.report.samples[sample] == alone.report.samples[0], "\(what)")
      }
    }
  }

  @Test("an H of fewer unknowns than its memory is never forgotten: a small memory costs nothing")
  func compression() throws {
    let problem = try problem("helical valley")
    let counts = try [4, 5, 64].map { memory in
      let attempt = try problem.attempt(with: .broyden(updates: memory))
      #expect(attempt.isSolved, "\(memory): \(attempt)")
      return attempt.evaluations
    }
    #expect(counts[2] > 20 && counts.allSatisfy { abs($0 - counts[2]) <= 2 }, "\(counts)")
    // With as many unknowns as memory, H starts again from -I.
    let forgetful = try problem.attempt(with: .broyden(updates: 3))
    #expect(forgetful.evaluations > counts[2] + 2 || !forgetful.isSolved, "\(forgetful)")
  }

  @Test("an expanding map is solved in both precisions", arguments: [DType.float64, .float32])
  func expansion(_ dtype: DType) throws {
    // Eigenvalues from -3 to 5: full steps go astray at once.
    let n = 8
    let numbers = (0..<n).map { index -> Double in
      let size = Double(index) / 4
      return index % 2 == 0 ? 5 - size : -3 + size
    }
    let factors = Tensor(numbers, shape: [1, n], dtype: dtype)
    let map = { (z: Tensor) in z * factors + 0.1 * z.square() + 1 }
    let tolerance = dtype == .float64 ? 1e-10 : 1e-5
    let solution = try Broyden().solve(
      map, from: .zeros([1, n], dtype: dtype),
      until: .tolerance(relative: tolerance, limit: 300))
    #expect(solution.report.converged, "\(solution.report)")
    let residual = (map(solution.value) - solution.value).normsOfSamples[0]
    #expect(residual <= 1.01 * tolerance * map(solution.value).normsOfSamples[0])
  }
}
