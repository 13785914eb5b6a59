import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Every solver x every estimator x every problem, in both precisions.
@Suite struct AccuracyMatrixTests {
  @Test(
    "accurate estimators", arguments: ClosedFormProblem.all,
    TestedSolver.pairs(TestedSolver.matrix, TestedEstimator.accurate))
  func accurate(_ problem: ClosedFormProblem, _ pair: (TestedSolver, TestedEstimator)) throws {
    let (solver, estimator) = pair
    for dtype in [DType.float64, .float32] {
      let accuracy = Accuracy(dtype: dtype)
      let settings = TestedEstimator.Settings(
        tolerance: accuracy.adjoint(for: problem), problem: problem)
      let result = try differentiate(
        problem, estimator.make(settings), using: solver.solver, dtype: dtype,
        until: .tolerance(relative: accuracy.residual, limit: solver.evaluations(for: problem)))
      expectConverged(result.solution.report, dtype)
      #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(dtype)")
      #expect(
        accuracy.fault(inGradients: result.gradients, expected: problem.gradients, of: problem)
          == nil, "\(dtype)")
      #expect(result.initialGradient == nil, "\(dtype)")
      let backward = try #require(result.backward)
      let outcome: Outcome = estimator.traits.contains(.measured) ? .converged : .notMeasured
      #expect(backward.samples.allSatisfy { $0.outcome == outcome }, "\(dtype)")
      #expect(backward.failed.isEmpty, "\(dtype)")
    }
  }

  @Test(
    "unrolling", arguments: ClosedFormProblem.all,
    TestedSolver.pairs(TestedSolver.matrix, TestedEstimator.everyStep))
  func unrolled(_ problem: ClosedFormProblem, _ pair: (TestedSolver, TestedEstimator)) throws {
    try expectAccuracy(of: pair.1.make(.init(tolerance: 1e-9)), after: pair.0, problem)
  }

  @Test(
    "the last steps where they are all", arguments: ClosedFormProblem.all, TestedSolver.matrix)
  func lastSteps(_ problem: ClosedFormProblem, _ solver: TestedSolver) throws {
    try expectAccuracy(
      of: .unrolled(lastSteps: solver.evaluations(for: problem)), after: solver, problem)
  }

  /// Evaluations are counted in float32, where no residual bounds the derivative.
  ///
  /// The derivative of iterate k is off by about k rho^k where the iterate is off by rho^k, and lags
  /// a step behind an accelerated solver. A residual of 1e-14 leaves room for that in float64.
  private func expectAccuracy(
    of estimator: any BackwardEstimator, after solver: TestedSolver, _ problem: ClosedFormProblem
  ) throws {
    let evaluations = solver.evaluations(for: problem)
    for dtype in [DType.float64, .float32] {
      let accuracy = Accuracy(dtype: dtype)
      let rule =
        dtype == .float32
        ? StoppingRule.evaluations(evaluations)
        : .tolerance(relative: accuracy.residual, limit: evaluations)
      let result = try differentiate(
        problem, estimator, using: solver.solver, dtype: dtype, until: rule)
      if rule.tolerance == nil {
        let outcomes = result.solution.report.samples.map(\.outcome)
        #expect(outcomes.allSatisfy { $0 == .notMeasured }, "\(dtype)")
      } else {
        expectConverged(result.solution.report, dtype)
      }
      #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(dtype)")
      #expect(
        accuracy.fault(inGradients: result.gradients, expected: problem.gradients, of: problem)
          == nil, "\(dtype)")
      #expect(result.backward == nil, "\(dtype)")
    }
  }

  @Test(
    "biased estimators are what their closed form says: (I - M^k) u, M = (1 - tau) I + tau J^T",
    arguments: ClosedFormProblem.all,
    TestedSolver.pairs(TestedSolver.matrix, TestedEstimator.biased))
  func biased(_ problem: ClosedFormProblem, _ pair: (TestedSolver, TestedEstimator)) throws {
    let (solver, tested) = pair
    let (terms, relaxation) = try #require(tested.series)
    let makeAdjoint = try #require(tested.makeAdjoint)
    let series = makeAdjoint(.init(tolerance: 1e-9))
    let w = problem.adjoint(ofTerms: terms, relaxation: relaxation)
    for dtype in [DType.float64, .float32] {
      let accuracy = Accuracy(dtype: dtype)
      let rule = StoppingRule.tolerance(
        relative: accuracy.residual, limit: solver.evaluations(for: problem))
      // Straight-through changes nothing but the initial state's gradient, which is J^T w.
      for isTied in [false, true] {
        let what = "\(dtype), straight-through: \(isTied)"
        let estimator: any BackwardEstimator =
          if isTied { .straightThrough(series) } else { series }
        let result = try differentiate(
          problem, estimator, using: solver.solver, dtype: dtype, until: rule)
        expectConverged(result.solution.report, dtype)
        #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(what)")
        #expect(
          accuracy.fault(
            inGradients: result.gradients + (isTied ? [result.initialGradient] : []),
            expected: problem.parameterGradients(w) + (isTied ? [problem.pullback(w)] : []),
            of: problem) == nil, "\(what)")
        #expect((result.initialGradient != nil) == isTied, "\(what)")
        let backward = try #require(result.backward)
        #expect(backward.samples.allSatisfy { $0.outcome == .notMeasured }, "\(what)")
        #expect(backward.pullbacks == terms - 1, "\(what)")
      }
    }
  }

  @Test(
    "one step is far off on every problem: the accuracy above is not for free",
    arguments: ClosedFormProblem.all)
  func negativeControl(_ problem: ClosedFormProblem) throws {
    let gradient = try #require(try differentiate(problem, .oneStep).gradients.last ?? nil)
    #expect(relativeError(gradient, try #require(problem.gradients.last)) > 0.3)
  }

  private func expectConverged(_ report: SolveReport, _ dtype: DType) {
    #expect(report.samples.allSatisfy { $0.outcome == .converged }, "\(dtype): \(report)")
  }
}
