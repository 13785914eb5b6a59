import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct EstimatorsAndSolversTests {
  private let solvers: [any ForwardSolver] = [
    .picard(damping: 0.8), .anderson(), .broyden(), .newtonKrylov(), .automatic,
  ]

  @Test("every accurate estimator after every solver, and the adjoint by every solver")
  func everyPair() throws {
    for (problemName, problem) in closedFormProblems {
      for solver in solvers {
        var estimators = accurateEstimators(1e-13)
        if !(solver is NewtonKrylov) {
          estimators.append(("the same solver", .iterative(solver, tolerance: 1e-13, limit: 400)))
        }
        for (name, estimator) in estimators {
          let result = try differentiate(
            problem, estimator, using: solver,
            until: .tolerance(relative: 1e-15, absolute: 1e-15, within: 400))
          let what = "\(problemName), \(name), \(solver)"
          #expect(
            difference(result.solution.value, problem.solution, relative: 1e-12, absolute: 1e-12)
              == nil, "\(what)")
          for (gradient, expected) in zip(result.gradients, problem.gradients) {
            let gradient = try #require(gradient)
            #expect(
              difference(gradient, expected, relative: 1e-10, absolute: 1e-10) == nil, "\(what)")
          }
        }
      }
    }
  }

  @Test("Newton's method on the adjoint says what to use instead")
  func newtonOnTheAdjoint() throws {
    let error = #expect(throws: LinearizedAdjoint.self) {
      try differentiate(.manufacturedTanh(0.25), .iterative(.newtonKrylov()))
    }
    #expect(error?.description.contains(".gmres") ?? false)
  }
}
