import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct AdjointSolverTests {
  @Test(
    "Newton's method solves an adjoint that does not contract, and counts its pullbacks",
    arguments: TestedSolver.defaults.filter { $0.takesDerivatives || $0.solver is Automatic })
  func newtonOnTheAdjoint(_ tested: TestedSolver) throws {
    let w = testTensor([5, 5], seed: 3, scale: 1.2)
    let adjoint = { (estimator: any AdjointEstimator) in
      let x = testTensor([3, 5], seed: 4).variable()
      let solution = try estimator.solution(
        of: FixedPointMap { z in z.matmul(w) + x }, from: x.zerosLike(), using: .newtonKrylov(),
        until: .tolerance(relative: 1e-12, limit: 60))
      let table = try gradients(of: solution.value.square().sum())
      return (try #require(table[x]), try #require(table.backwardReport(of: solution)))
    }
    let (exact, _) = try adjoint(.exact)
    let (gradient, report) = try adjoint(.iterative(tested.solver, tolerance: 1e-12))
    #expect(difference(gradient, exact, relative: 1e-10) == nil)
    #expect(report.converged)
    #expect(report.samples.map(\.applications).max() == report.pullbacks)
  }

  @Test("a solver that asks for products with the adjoint's transpose is told what to use")
  func transposedProducts() throws {
    struct Gradient: ForwardSolver {
      func next(after point: Iterate, _ history: inout NoHistory) throws -> Tensor {
        try point.map.linearization(at: point.z).pullback(point.residual)
      }
    }
    let error = #expect(throws: LinearizedAdjoint.self) {
      try differentiate(.manufacturedTanh(0.25), .iterative(Gradient()))
    }
    #expect(error?.description.contains(".gmres") ?? false)
  }
}
