import ImplicitLayers
import Tensors
import TestSupport

/// A problem solved and differentiated.
func differentiate(
  _ problem: ClosedFormProblem, _ estimator: any BackwardEstimator,
  using solver: any ForwardSolver = .picard(), dtype: DType = .float64,
  until rule: StoppingRule = .tolerance(relative: 0, absolute: 2e-15, limit: 400),
  scale: Double = 1
) throws -> (
  solution: Solution<Tensor>, gradients: [Tensor?], initialGradient: Tensor?,
  backward: BackwardReport?
) {
  let parameters = problem.parameters.map { $0.converted(to: dtype).variable() }
  let initial = problem.initial.converted(to: dtype).variable()
  let solution = try estimator.solution(
    of: FixedPointMap { problem.map($0, parameters) }, from: initial, using: solver, until: rule)
  let table = try gradients(of: problem.loss(solution.value) * scale)
  return (
    solution, parameters.map { table[$0] }, table[initial], table.backwardReport(of: solution)
  )
}
