import ImplicitLayers
import Tensors
import TestSupport
import Testing

/// Once a solve is as near as rounding allows, residuals are noise, and an acceleration that learns
/// from it steps into the void: with a number of evaluations as its rule, that step is the result.
@Suite struct RoundingNoiseTests {
  /// Those that accelerate, and shorter memories than the table's.
  private static let learning =
    TestedSolver.all.filter { $0.relaxation == nil } + [
      TestedSolver("Anderson-3", .anderson(depth: 3)),
      TestedSolver("half mixed Anderson", .anderson(mixing: 0.5)),
      TestedSolver("Broyden-6", .broyden(updates: 6)),
    ]

  /// Those that find a fixed point of six unknowns from which the map expands: a window of Anderson's has
  /// to hold them all.
  private static let spanning =
    TestedSolver.accelerated.filter { !($0.solver is Anderson) } + [
      TestedSolver("Anderson-10", .anderson(depth: 10)),
      TestedSolver("Broyden-15", .broyden(updates: 15)),
    ]

  @Test(
    "going on after convergence loses neither the solution nor its unrolled gradient",
    arguments: learning, [DType.float64, .float32])
  func stays(_ tested: TestedSolver, _ dtype: DType) throws {
    let accuracy = Accuracy(dtype: dtype)
    for problem in ClosedFormProblem.all {
      for evaluations in [42, 54, 70, 82, 138] {
        let result = try differentiate(
          problem, .unrolled, using: tested.solver, dtype: dtype, until: .evaluations(evaluations))
        let what = "\(problem), \(evaluations) evaluations"
        #expect(accuracy.fault(inValue: result.solution.value, of: problem) == nil, "\(what)")
        #expect(
          accuracy.fault(inGradients: result.gradients, expected: problem.gradients, of: problem)
            == nil, "\(what)")
      }
    }
  }

  @Test(
    "nor where the map expands, so that plain iteration would leave it",
    arguments: spanning, [DType.float64, .float32])
  func expansion(_ tested: TestedSolver, _ dtype: DType) throws {
    let w = testTensor([6, 6], seed: 12, scale: 1.5, dtype: dtype)
    let x = testTensor([2, 6], seed: 13, dtype: dtype)
    let map = FixedPointMap { z in z.matmul(w) + x }
    for evaluations in stride(from: 40, through: 160, by: 3) {
      let z = try tested.solver.solve(
        map, from: x.zerosLike(), until: .evaluations(evaluations)
      ).value
      let residuals = try (map(z) - z).normsOfSamples
      let bound = 1e4 * dtype.machineEpsilon
      #expect(
        zip(residuals, z.normsOfSamples).allSatisfy { $0 <= bound * $1 },
        "\(evaluations): \(residuals)")
    }
  }
}
