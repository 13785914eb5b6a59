import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Once a solve is as near as rounding allows, residuals are noise, and an acceleration that learns
/// from it steps into the void: with a number of evaluations as its rule, that step is the result.
@Suite struct RoundingNoiseTests {
  private static let solvers: [any ForwardSolver] =
    TestedSolver.all.filter { $0.relaxation == nil }.map(\.solver) + [
      .anderson(depth: 3), .anderson(mixing: 0.5), .broyden(updates: 6),
    ]

  @Test(
    "going on after convergence loses neither the solution nor its unrolled gradient",
    arguments: ClosedFormProblem.all, [DType.float64, .float32])
  func stays(_ problem: ClosedFormProblem, _ dtype: DType) throws {
    let accuracy = Accuracy(dtype: dtype)
    for solver in RoundingNoiseTests.solvers {
      for evaluations in [42, 54, 70, 82, 138] {
        let result = try differentiate(
          problem, .unrolled, using: solver, dtype: dtype, until: .evaluations(evaluations))
        let what = "\(solver), \(evaluations) evaluations"
        #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(what)")
        #expect(
          accuracy.fault(inGradients: result.gradients, expected: problem.gradients, of: problem)
            == nil, "\(what)")
      }
    }
  }

  @Test(
    "nor where the map expands, so that plain iteration would leave it",
    arguments: [DType.float64, .float32])
  func expansion(_ dtype: DType) throws {
    let w = testTensor([6, 6], seed: 12, scale: 1.5, dtype: dtype)
    let x = testTensor([2, 6], seed: 13, dtype: dtype)
    let map = FixedPointMap { z in z.matmul(w) + x }
    for solver in [.anderson(depth: 10), .broyden(), .broyden(updates: 15), .newtonKrylov()]
      as [any ForwardSolver]
    {
      for evaluations in stride(from: 40, through: 160, by: 3) {
        let z = try solver.solve(map, from: x.zerosLike(), until: .evaluations(evaluations)).value
        let residuals = try (map(z) - z).normsOfSamples
        let bound = 1e4 * dtype.machineEpsilon
        #expect(
          zip(residuals, z.normsOfSamples).allSatisfy { $0 <= bound * $1 },
          "\(solver), \(evaluations): \(residuals)")
      }
    }
  }
}
