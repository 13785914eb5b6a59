import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// z -> z diag(a) + b with one row of factors per sample: J is diagonal.
private func diagonal(_ factors: [[Double]], _ b: Tensor) -> FixedPointMap {
  let a = Tensor(factors.flatMap { $0 }, shape: [factors.count, factors[0].count], dtype: .float64)
  return FixedPointMap { z in z * a + b }
}

/// Solves from zeros with a few evaluations; the gradient is that of sum(z).
private func pass(
  _ factors: [[Double]], _ estimator: any BackwardEstimator
) throws -> (report: BackwardReport?, gradient: Tensor) {
  let b = Tensor.ones([factors.count, factors[0].count], dtype: .float64).variable()
  let solution = try estimator.solution(
    of: diagonal(factors, b), from: b.zerosLike(), using: .picard(), until: .evaluations(4))
  let table = try gradients(of: solution.value.sum())
  return (table.backwardReport(of: solution), try #require(table[b]))
}

/// Sample 1 of 3 has an eigenvalue 1: its adjoint system is singular and v is out of its range.
private let singular = [[0.1, 0.2], [1.0, 0.5], [0.3, -0.4]]

@Suite struct BackwardReportTests {
  @Test("there is a report after the backward pass, sample by sample")
  func report() throws {
    let factors = [[0.5, 0.5, 0.5], [0.1, 0.2, 0.3]]
    let b = Tensor.ones([2, 3], dtype: .float64).variable()
    let solution = try KrylovAdjoint(solver: GMRES(tolerance: 1e-12)).solution(
      of: diagonal(factors, b), from: b.zerosLike(), using: .picard(), until: .evaluations(4))
    let table = try gradients(of: solution.value.sum())
    let report = try #require(table.backwardReport(of: solution))
    // J = I / 2 in sample 0: one product. Three eigenvalues in sample 1: three. At the end of the
    // cycle one more, for the residual.
    #expect(report.samples.map(\.applications) == [2, 4])
    #expect(report.samples.map(\.outcome) == [.converged, .converged])
    #expect(report.samples.allSatisfy { $0.relativeResidual <= 1e-12 })
    #expect(report.pullbacks == 4)
    #expect(report.converged && report.failed.isEmpty && report.fallback == nil)
    #expect(report.description.contains("4 pullbacks"))
  }

  private static let tracedFactors = [[0.5, 0.5, 0.5], [0.1, 0.2, 0.3], [-0.4, 0.6, 0.2]]

  @Test(
    "the residual after every pullback is in the report, sample by sample",
    arguments: TestedEstimator.all.filter { $0.promise == .tolerance } + [
      // That has to start again.
      TestedEstimator("GMRES of two dimensions", .tolerance) {
        .gmres(tolerance: $0.tolerance, dimension: 2)
      }
    ])
  func trace(_ tested: TestedEstimator) throws {
    let estimator = tested.make(.init(tolerance: 1e-10))
    for _ in 0..<2 {
      let report = try #require(try pass(Self.tracedFactors, estimator).report)
      for sample in report.samples {
        #expect(sample.trace.count <= sample.applications)
        let last = try #require(sample.trace.last)
        #expect(last <= 1e-10 && abs(last - sample.relativeResidual) < 1e-12)
        #expect(sample.trace.allSatisfy { $0 < 2 })
      }
    }
  }

  @Test("the residuals are those of the series, and a dense adjoint has none on the way")
  func knownTrace() throws {
    let picard = try pass([[0.5]], .iterative(.picard(), tolerance: 1e-3))
    // w after k pullbacks is (1 - 2^-(k + 1)) u: its residual is 2^-(k + 1).
    #expect(
      picard.report?.samples[0].trace == (1...10).map { 1 / Double(1 << $0) })
    let exact = try pass(Self.tracedFactors, .exact).report
    #expect(exact?.samples.allSatisfy { $0.trace.isEmpty } ?? false)
  }

  @Test("series measure nothing unless asked")
  func measured() throws {
    let factors = [[0.5, 0.5], [0.2, -0.2]]
    let plain = try #require(try pass(factors, .neumann(terms: 3)).report)
    #expect(plain.pullbacks == 2)
    #expect(plain.samples.allSatisfy { $0.outcome == .notMeasured && $0.relativeResidual.isNaN })
    let (backward, gradient) = try pass(factors, .measured(.neumann(terms: 3)))
    let report = try #require(backward)
    #expect(report.pullbacks == 3)
    // The residual of K terms is (J^T)^K v.
    #expect(abs(report.samples[0].relativeResidual - 0.125) < 1e-15)
    #expect(abs(report.samples[1].relativeResidual - 0.008) < 1e-15)
    #expect(gradient.scalars == (try pass(factors, .neumann(terms: 3)).gradient.scalars))
  }

  private func make(
    _ tested: TestedEstimator, onFailure policy: FailurePolicy
  ) -> any BackwardEstimator {
    tested.make(.init(tolerance: 1e-6, onFailure: policy))
  }

  @Test(
    "by default a failure is thrown, with the sample, the numbers and what to try",
    arguments: TestedEstimator.solving)
  func throwing(_ tested: TestedEstimator) throws {
    let error = try #require(
      #expect(throws: BackwardFailure.self) {
        try pass(singular, make(tested, onFailure: .throwing))
      })
    #expect(error.samples == [1])
    #expect(error.description.contains("1 of 3 samples: sample 1"), "\(error)")
    #expect(error.description.contains("onFailure"), "\(error)")
    #expect(error.description.contains("; "), "\(error)")
  }

  @Test("a singular system names least squares")
  func singularSystem() throws {
    let error = #expect(throws: BackwardFailure.self) { try pass(singular, .exact) }
    #expect(error?.description.contains(".leastSquares") ?? false)
    #expect(
      error?.description.hasPrefix("the adjoint (I - J^T) w = v was not solved by exact") ?? false)
  }

  @Test(
    "a fallback replaces the failed samples and no others, and is named",
    arguments: TestedEstimator.solving)
  func fallback(_ tested: TestedEstimator) throws {
    let (backward, gradient) = try pass(
      singular, make(tested, onFailure: .fallback(to: .neumann(terms: 2))))
    let report = try #require(backward)
    #expect(report.failed == [1])
    #expect(report.samples[0].outcome == .converged)
    #expect(report.samples[1].outcome != .converged)
    #expect(report.fallback == "2 terms")
    #expect(report.description.contains("failed in samples 1, replaced by"), "\(report)")
    let expected = [1 / 0.9, 1 / 0.8, 2, 1.5, 1 / 0.7, 1 / 1.4]
    #expect(difference(gradient.scalars, expected, relative: 2e-5) == nil)
  }

  @Test("a kept estimate is finite and flagged", arguments: TestedEstimator.solving)
  func keeping(_ tested: TestedEstimator) throws {
    let (backward, gradient) = try pass(singular, make(tested, onFailure: .keeping))
    let report = try #require(backward)
    #expect(report.failed == [1] && report.fallback == nil)
    #expect(report.description.contains("kept"), "\(report)")
    #expect(gradient.firstNonFiniteIndex == nil)
    #expect(
      difference(gradient.slice(0..<1).scalars, [1 / 0.9, 1 / 0.8], relative: 2e-5) == nil)
  }

  @Test("a fallback may fail, too")
  func failingFallback() throws {
    let error = #expect(throws: BackwardFailure.self) {
      try pass(singular, .gmres(onFailure: .fallback(to: .biCGStab())))
    }
    #expect(error.map { "\($0.estimator)".contains("BiCGStab") } ?? false)
  }

  @Test("least squares: the solution of least norm where others fail")
  func leastSquares() throws {
    let (backward, gradient) = try pass(singular, .leastSquares)
    let expected = [1 / 0.9, 1 / 0.8, 0, 2, 1 / 0.7, 1 / 1.4]
    #expect(difference(gradient.scalars, expected, absolute: 1e-14) == nil)
    let report = try #require(backward)
    #expect(report.converged)
    #expect(abs(report.samples[1].relativeResidual - 0.5.squareRoot()) < 1e-15)
  }

  @Test("an adjoint iteration that does not contract says so")
  func divergence() throws {
    let error = #expect(throws: BackwardFailure.self) {
      try pass([[1.5, 0.2]], .iterative(.picard(), limit: 100))
    }
    #expect(error?.report.samples[0].outcome == .diverged)
    #expect(error?.description.contains("no contraction") ?? false)
    // GMRES does not mind.
    let gradient = try pass([[1.5, 0.2]], .gmres(tolerance: 1e-12)).gradient
    #expect(difference(gradient.scalars, [-2, 1.25], absolute: 1e-12) == nil)
  }

  @Test(
    "a cotangent that is not finite does not become a gradient that is",
    arguments: TestedEstimator.solving)
  func notANumber(_ tested: TestedEstimator) throws {
    let b = Tensor.ones([2, 2], dtype: .float64).variable()
    let weights = Tensor([1, 1, .nan, 1], shape: [2, 2], dtype: .float64)
    let solution = try make(tested, onFailure: .keeping).solution(
      of: diagonal([[0.1, 0.2], [0.3, 0.4]], b), from: b.zerosLike(), using: .picard(),
      until: .evaluations(4))
    let table = try gradients(of: (solution.value * weights).sum())
    let gradient = try #require(table[b])
    #expect(gradient.slice(0..<1).firstNonFiniteIndex == nil)
    #expect(gradient.slice(1..<2).firstNonFiniteIndex != nil)
    #expect(table.backwardReport(of: solution)?.failed == [1])
  }

  @Test("a forward solve that had not converged is named as a cause")
  func unsolvedForward() throws {
    let b = Tensor.ones([1, 2], dtype: .float64).variable()
    let solution = try KrylovAdjoint(solver: GMRES()).solution(
      of: diagonal([[1, 0.5]], b), from: b.zerosLike(), using: .picard(),
      until: .tolerance(relative: 1e-9, limit: 3))
    let error = #expect(throws: BackwardFailure.self) {
      try gradients(of: solution.value.sum())
    }
    #expect(error?.forward.failed == [0])
    #expect(error?.description.contains("no fixed point") ?? false)
  }
}

@Suite struct AdjointMemoryTests {
  private let a = testTensor([6, 6], seed: 3, scale: 0.3)

  @Test(
    "the second backward pass with a memory is cheaper and as accurate",
    arguments: TestedEstimator.all.filter { $0.traits.contains(.remembers) })
  func warmStart(_ tested: TestedEstimator) throws {
    let estimator = tested.make(.init(tolerance: 1e-8))
    var pullbacks: [Int] = []
    // The loss grows a little and changes its scale; the adjoint's direction hardly moves.
    for scale in [1.0, 1e-6, 3e5] {
      let b = testTensor([2, 6], seed: 8).variable()
      let solution = try estimator.solution(
        of: FixedPointMap { $0.matmul(self.a, transposingOther: true) + b },
        from: b.zerosLike(), using: .picard(), until: .evaluations(100))
      let weights = testTensor([2, 6], seed: 11) * scale
      let table = try gradients(of: (solution.value * weights).sum())
      let gradient = try #require(table[b])
      let exact = try ExactAdjoint().adjoint(of: weights, through: linearPullback(a))
      #expect(difference(gradient, exact, relative: 1e-6) == nil)
      pullbacks.append(try #require(table.backwardReport(of: solution)).pullbacks)
    }
    #expect(pullbacks[1] <= 2 && pullbacks[2] <= 2 && pullbacks[0] > 4, "\(pullbacks)")
  }

  @Test("a memory that is wrong or does not fit does no harm")
  func wrongMemory() throws {
    let memory = AdjointMemory()
    memory.keep(testTensor([2, 6], seed: 1, scale: 1e6), for: testTensor([2, 6], seed: 2))
    let v = testTensor([2, 6], seed: 4)
    let exact = try ExactAdjoint().adjoint(of: v, through: linearPullback(a))
    let w = try KrylovAdjoint(solver: GMRES(tolerance: 1e-10), memory: memory)
      .adjoint(of: v, through: linearPullback(a))
    #expect(difference(w, exact, relative: 1e-8) == nil)
    #expect(memory.start(for: testTensor([3, 6])) == nil)
    #expect(memory.start(for: testTensor([2, 6], dtype: .float32)) == nil)
    memory.clear()
    #expect(memory.start(for: v) == nil)
  }

  @Test("an iteration discards a start that is worse than 0, sample by sample")
  func wrongStartOfAnIteration() throws {
    let v = testTensor([2, 6], seed: 4)
    let exact = try ExactAdjoint().adjoint(of: v, through: linearPullback(a))
    let memory = AdjointMemory()
    for evaluations in [1, 4] {
      memory.keep(
        Tensor.concatenated([exact.samples([0]) * -3, exact.samples([1])]), for: v)
      var pullbacks = 0
      let estimate = try IterativeAdjoint(
        solver: .picard(), evaluations: evaluations, memory: memory
      ).estimate(
        AdjointProblem(
          cotangent: v,
          pullback: { w in
            pullbacks += 1
            return w.matmul(a)
          }))
      let without = try IterativeAdjoint(solver: .picard(), evaluations: evaluations)
        .adjoint(of: v, through: linearPullback(a))
      let w = estimate.value
      #expect(difference(w.samples([0]), without.samples([0]), relative: 1e-14) == nil)
      #expect(difference(w.samples([1]), exact.samples([1]), relative: 1e-12) == nil)
      // The images of the start take one pullback, whether it is discarded or not.
      #expect(pullbacks == evaluations)
      let report = try #require(estimate.report)
      #expect(report.applications == pullbacks)
      #expect(report.samples.map(\.applications) == [pullbacks, pullbacks])
    }
  }

  @Test("an iteration to a tolerance goes on from 0 where its start was no good")
  func wrongStartToATolerance() throws {
    let v = testTensor([1, 6], seed: 4)
    func report(_ memory: AdjointMemory?) throws -> LinearSolveReport {
      let estimate = try IterativeAdjoint(solver: .picard(), tolerance: 1e-6, memory: memory)
        .estimate(AdjointProblem(cotangent: v, pullback: linearPullback(a)))
      return try #require(estimate.report)
    }
    let memory = AdjointMemory()
    memory.keep(testTensor([1, 6], seed: 1, scale: 1e6), for: v)
    let (cold, wrong) = (try report(nil), try report(memory))
    #expect(cold.converged && wrong.converged)
    #expect(wrong.applications == cold.applications + 1)
    // From 0, whose residual is |v|.
    #expect(abs(try #require(wrong.samples[0].trace.first) - 1) < 1e-15)
    #expect(Array(wrong.samples[0].trace.dropFirst()) == cold.samples[0].trace)
  }

  @Test("an adjoint that is not finite is not remembered")
  func notFinite() throws {
    let v = testTensor([2, 6], seed: 4)
    let memory = AdjointMemory()
    let estimator = IterativeAdjoint(solver: .picard(), evaluations: 3, memory: memory)
    let broken = try estimator.adjoint(of: v) { w in
      w.matmul(a).scalingSamples(by: [1, .nan])
    }
    #expect(broken.samples([0]).firstNonFiniteIndex == nil)
    #expect(broken.samples([1]).firstNonFiniteIndex != nil)
    let start = try #require(memory.start(for: v))
    #expect(start.samples([1]).scalars == [0, 0, 0, 0, 0, 0])
    #expect(start.samples([0]).largestMagnitude > 0)
    let next = try estimator.adjoint(of: v, through: linearPullback(a))
    let cold = try IterativeAdjoint(solver: .picard(), evaluations: 3)
      .adjoint(of: v, through: linearPullback(a))
    #expect(next.firstNonFiniteIndex == nil)
    #expect(difference(next.samples([1]), cold.samples([1]), relative: 1e-14) == nil)
  }
}
