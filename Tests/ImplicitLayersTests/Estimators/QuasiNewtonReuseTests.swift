import ImplicitLayers
import Synchronization
import Tensors
import TestSupport
import Testing

/// One step, which ends as it is told and remembers whether it was handed an inverse.
private final class Witness: AdjointEstimator {
  let inverseUse: InverseUse
  let onFailure: FailurePolicy
  private let outcome: Outcome
  private let handed = Mutex<[Bool]>([])

  init(_ inverseUse: InverseUse, _ outcome: Outcome, onFailure: FailurePolicy = .throwing) {
    (self.inverseUse, self.outcome, self.onFailure) = (inverseUse, outcome, onFailure)
  }

  /// For each estimate whether there was an inverse.
  var hadInverse: [Bool] { handed.withLock { $0 } }

  func estimate(_ problem: AdjointProblem) -> AdjointEstimate {
    handed.withLock { $0.append(problem.inverse != nil) }
    let sample = LinearSolveReport.Sample(outcome: outcome, relativeResidual: 0, applications: 0)
    let samples = (0..<problem.cotangent.shape[0]).map { _ in sample }
    return AdjointEstimate(
      value: problem.cotangent, report: LinearSolveReport(samples: samples, applications: 0))
  }
}

@Suite struct QuasiNewtonReuseTests {
  private let tight = StoppingRule.tolerance(relative: 0, absolute: 1e-12, limit: 400)

  private func error(
    _ problem: ClosedFormProblem, _ estimator: any BackwardEstimator, memory: Int = 60
  ) throws -> (error: Double, report: BackwardReport) {
    let result = try differentiate(
      problem, estimator, using: .broyden(updates: memory), until: tight)
    let gradient = try #require(result.gradients.last ?? nil)
    return (
      relativeError(gradient, try #require(problem.gradients.last)),
      try #require(result.backward)
    )
  }

  @Test(
    "without refinement: no pullback, an error of the known size",
    arguments: [
      (0.25, 0.164), (0.45, 0.341),
    ])
  func unrefined(_ s: Double, _ expected: Double) throws {
    let (error, report) = try error(.manufacturedTanh(s), .quasiNewtonReuse())
    #expect(report.pullbacks == 0)
    #expect(report.samples[0].outcome == .notMeasured)
    // Better than one step, but not controlled; the size depends on the last iterates.
    #expect(error < 0.75 * (s == 0.25 ? 0.373 : 0.686), "\(error)")
    #expect(error > 0.2 * expected && error < 2 * expected, "\(error)")
  }

  @Test("refinement is counted and reduces the error")
  func refined() throws {
    let problem = ClosedFormProblem.manufacturedTanh(0.45)
    var last = Double.infinity
    for steps in [0, 2, 4, 8] {
      let (error, report) = try error(problem, .quasiNewtonReuse(refinements: steps))
      #expect(report.pullbacks <= (steps == 0 ? 0 : steps + 2))
      #expect(error < last, "\(steps) steps: \(error)")
      last = error
      if steps > 0 {
        #expect(report.samples[0].relativeResidual < 1 && report.samples[0].outcome == .notMeasured)
      }
    }
    #expect(last < 1e-6)
  }

  @Test(
    "as many refinements as unknowns are exact, after every solver that learns an inverse",
    arguments: TestedSolver.matrix.filter(\.solver.learnsInverse), ClosedFormProblem.all)
  func fullRefinement(_ tested: TestedSolver, _ problem: ClosedFormProblem) throws {
    for dtype in [DType.float64, .float32] {
      let result = try refined(problem, after: tested, dtype)
      #expect(
        Accuracy(dtype: dtype).fault(
          inGradients: result.gradients, expected: problem.gradients, of: problem) == nil,
        "\(dtype)")
      let samples = try #require(result.backward).samples
      #expect(samples.allSatisfy { $0.outcome == .notMeasured }, "\(dtype)")
    }
  }

  @Test(
    "other solvers learn no inverse, and it is said",
    arguments: TestedSolver.matrix.filter { !$0.solver.learnsInverse }, ClosedFormProblem.all)
  func missingInverse(_ tested: TestedSolver, _ problem: ClosedFormProblem) {
    for dtype in [DType.float64, .float32] {
      #expect(throws: MissingInverse.self) { try refined(problem, after: tested, dtype) }
    }
  }

  private func refined(
    _ problem: ClosedFormProblem, after tested: TestedSolver, _ dtype: DType
  ) throws -> (gradients: [Tensor?], backward: BackwardReport?) {
    let result = try differentiate(
      problem, .quasiNewtonReuse(refinements: 9), using: tested.solver, dtype: dtype,
      until: .tolerance(
        relative: Accuracy(dtype: dtype).residual, limit: tested.evaluations(for: problem)))
    return (result.gradients, result.backward)
  }

  @Test("as a preconditioner it saves pullbacks, or costs one")
  func preconditioner() throws {
    for problem in ClosedFormProblem.all {
      let plain = try error(problem, .gmres(tolerance: 1e-12)).report
      let reused = try error(problem, .gmres(tolerance: 1e-12, reusingInverse: true)).report
      #expect(reused.converged && plain.converged, "\(problem)")
      #expect(reused.pullbacks <= plain.pullbacks + 1, "\(problem)")
    }
  }

  @Test("a solver that learns no inverse leaves GMRES without a preconditioner")
  func noInverse() throws {
    let result = try differentiate(
      .manufacturedTanh(0.25), .gmres(tolerance: 1e-12, reusingInverse: true), until: tight)
    #expect(result.backward?.converged ?? false)
  }

  private func solved(
    _ estimator: any BackwardEstimator
  ) throws -> (gradients: [Tensor?], backward: BackwardReport) {
    let result = try differentiate(
      .manufacturedTanh(0.45), estimator, using: .broyden(updates: 60), until: tight)
    return (result.gradients, try #require(result.backward))
  }

  @Test("a fallback gets the inverse that the solver learned")
  func fallbackThatReuses() throws {
    let reused = try solved(.quasiNewtonReuse())
    let nested = FailurePolicy.fallback(
      to: .biCGStab(tolerance: 1e-12, limit: 2, onFailure: .fallback(to: .quasiNewtonReuse())))
    for policy in [.fallback(to: .quasiNewtonReuse()), nested] {
      let (gradients, report) = try solved(.gmres(tolerance: 1e-12, limit: 2, onFailure: policy))
      #expect(report.failed == [0])
      for (gradient, expected) in zip(gradients, reused.gradients) {
        #expect(
          difference(try #require(gradient), try #require(expected), relative: 1e-12) == nil)
      }
    }
  }

  @Test(
    "an estimator and its fallback are each handed the inverse if they want it",
    arguments: [InverseUse.ignored, .welcome], [InverseUse.ignored, .welcome, .required])
  func whoGetsTheInverse(_ first: InverseUse, _ second: InverseUse) throws {
    let last = Witness(second, .converged)
    let before = Witness(first, .stalled, onFailure: .fallback(to: last))
    _ = try solved(before)
    #expect(before.hadInverse == [first != .ignored])
    #expect(last.hadInverse == [second != .ignored])
  }

  @Test("a fallback that needs an inverse says so where the solver learned none")
  func fallbackWithoutInverse() throws {
    #expect(throws: MissingInverse.self) {
      try differentiate(
        .manufacturedTanh(0.45),
        .gmres(tolerance: 1e-12, limit: 2, onFailure: .fallback(to: .quasiNewtonReuse())),
        until: tight)
    }
  }

  @Test("the tape does not hold a solver's memory that the estimator ignores")
  func memory() async {
    await #expect(processExitsWith: .success) {
      func bytes(_ estimator: any AdjointEstimator, _ iterations: Int) throws -> Int {
        let w = testTensor([6, 6], scale: 0.2).variable()
        let x = testTensor([4, 6], seed: 3)
        let before = TensorMemory.liveBytes
        let z = try fixedPoint(
          from: x.zerosLike(), using: .broyden(), estimator: estimator,
          until: .evaluations(iterations)
        ) { ($0.matmul(w) + x).tanh() }
        defer { withExtendedLifetime(z) {} }
        return TensorMemory.liveBytes - before
      }
      for estimator: any AdjointEstimator in [.gmres(), .oneStep, .exact] {
        let counts = (try bytes(estimator, 1), try bytes(estimator, 10), try bytes(estimator, 20))
        #expect(counts.0 == counts.1 && counts.1 == counts.2, "\(estimator) \(counts)")
      }
    }
  }
}
