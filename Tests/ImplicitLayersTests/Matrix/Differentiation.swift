import ImplicitLayers
import Tensors
import TestSupport

/// A problem solved and differentiated.
func differentiate(
  _ problem: ClosedFormProblem, _ estimator: any BackwardEstimator,
  using solver: any ForwardSolver = .picard(), dtype: DType = .float64,
  until rule: StoppingRule = .tolerance(relative: 0, absolute: 2e-15, within: 400),
  scale: Double = 1
) throws -> (solution: Solution, gradients: [Tensor?], initialGradient: Tensor?) {
  let parameters = problem.parameters.map { $0.converted(to: dtype).variable() }
  let initial = problem.initial.converted(to: dtype).variable()
  let solution = try estimator.solution(
    of: FixedPointMap { problem.map($0, parameters) }, from: initial, using: solver, until: rule)
  let table = try gradients(of: problem.loss(solution.value) * scale)
  return (solution, parameters.map { table[$0] }, table[initial])
}

/// |a - b| / |b| over all elements.
func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
  let norm = { (t: Tensor) in t.reshaped([1, t.count]).normsOfSamples[0] }
  return norm(a - b) / norm(b)
}

/// v -> J^T v of the linear map z -> z A^T, rows being samples.
func linearPullback(_ a: Tensor) -> (Tensor) throws -> Tensor { { v in v.matmul(a) } }
