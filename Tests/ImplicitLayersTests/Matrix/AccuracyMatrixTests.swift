import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Every solver x every estimator x every problem, in both precisions.
@Suite struct AccuracyMatrixTests {
  @Test("accurate estimators", arguments: ClosedFormProblem.all, TestedSolver.matrix)
  func accurate(_ problem: ClosedFormProblem, _ solver: TestedSolver) throws {
    for dtype in [DType.float64, .float32] {
      let accuracy = Accuracy(dtype: dtype)
      for tabled in accurateEstimators(accuracy.adjoint(for: problem), for: problem) {
        let what = "\(tabled.name), \(dtype)"
        let result = try differentiate(
          problem, tabled.estimator, using: solver.solver, dtype: dtype,
          until: .tolerance(relative: accuracy.residual, limit: solver.evaluations(for: problem)))
        expectConverged(result.solution.report, what)
        #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(what)")
        #expect(
          accuracy.fault(inGradients: result.gradients, expected: problem.gradients, of: problem)
            == nil, "\(what)")
        #expect(result.initialGradient == nil, "\(what)")
        let backward = try #require(result.backward)
        let outcome: Outcome = tabled.traits.contains(.measured) ? .converged : .notMeasured
        #expect(backward.samples.allSatisfy { $0.outcome == outcome }, "\(what)")
        #expect(backward.failed.isEmpty, "\(what)")
      }
    }
  }

  /// Evaluations are counted in float32, where no residual bounds the derivative.
  ///
  /// The derivative of iterate k is off by about k rho^k where the iterate is off by rho^k, and lags
  /// a step behind an accelerated solver. A residual of 1e-14 leaves room for that in float64.
  @Test("unrolling", arguments: ClosedFormProblem.all, TestedSolver.matrix)
  func unrolled(_ problem: ClosedFormProblem, _ solver: TestedSolver) throws {
    let evaluations = solver.evaluations(for: problem)
    for dtype in [DType.float64, .float32] {
      let accuracy = Accuracy(dtype: dtype)
      let rule =
        dtype == .float32
        ? StoppingRule.evaluations(evaluations)
        : .tolerance(relative: accuracy.residual, limit: evaluations)
      for (name, estimator) in unrolledEstimators(steps: evaluations) {
        let what = "\(name), \(dtype)"
        let result = try differentiate(
          problem, estimator, using: solver.solver, dtype: dtype, until: rule)
        if rule.tolerance == nil {
          let outcomes = result.solution.report.samples.map(\.outcome)
          #expect(outcomes.allSatisfy { $0 == .notMeasured }, "\(what)")
        } else {
          expectConverged(result.solution.report, what)
        }
        #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(what)")
        #expect(
          accuracy.fault(inGradients: result.gradients, expected: problem.gradients, of: problem)
            == nil, "\(what)")
        #expect(result.backward == nil, "\(what)")
      }
    }
  }

  @Test(
    "biased estimators are what their closed form says: (I - M^k) u, M = (1 - tau) I + tau J^T",
    arguments: ClosedFormProblem.all, TestedSolver.matrix)
  func biased(_ problem: ClosedFormProblem, _ solver: TestedSolver) throws {
    for dtype in [DType.float64, .float32] {
      let accuracy = Accuracy(dtype: dtype)
      let rule = StoppingRule.tolerance(
        relative: accuracy.residual, limit: solver.evaluations(for: problem))
      for biased in BiasedEstimator.all {
        let w = problem.adjoint(ofTerms: biased.terms, relaxation: biased.relaxation)
        // Straight-through changes nothing but the initial state's gradient, which is J^T w.
        for (isTied, estimator): (Bool, any BackwardEstimator) in [
          (false, biased.estimator), (true, .straightThrough(biased.estimator)),
        ] {
          let what = "\(biased.name), straight-through: \(isTied), \(dtype)"
          let result = try differentiate(
            problem, estimator, using: solver.solver, dtype: dtype, until: rule)
          expectConverged(result.solution.report, what)
          #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(what)")
          #expect(
            accuracy.fault(
              inGradients: result.gradients + (isTied ? [result.initialGradient] : []),
              expected: problem.parameterGradients(w) + (isTied ? [problem.pullback(w)] : []),
              of: problem) == nil, "\(what)")
          #expect((result.initialGradient != nil) == isTied, "\(what)")
          let backward = try #require(result.backward)
          #expect(backward.samples.allSatisfy { $0.outcome == .notMeasured }, "\(what)")
          #expect(backward.pullbacks == biased.terms - 1, "\(what)")
        }
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

  private func expectConverged(_ report: SolveReport, _ what: String) {
    #expect(report.samples.allSatisfy { $0.outcome == .converged }, "\(what): \(report)")
  }
}
