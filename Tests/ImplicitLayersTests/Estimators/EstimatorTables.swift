import ImplicitLayers
import Tensors
import TestSupport

// The estimators and problems that the tests of this folder go through.

let closedFormProblems: [(name: String, problem: ClosedFormProblem)] = [
  ("scalar cosine", .scalarCosine), ("rational linear", .rationalLinear),
  ("tanh, s = .25", .manufacturedTanh(0.25)), ("tanh, s = .45", .manufacturedTanh(0.45)),
  ("four orbits", .keplerBatch),
]

/// Estimators that approximate nothing, to the given relative accuracy of the adjoint.
func accurateEstimators(_ tolerance: Double) -> [(name: String, estimator: any AdjointEstimator)] {
  [
    ("exact", .exact),
    ("least squares", .leastSquares),
    ("Neumann, 200 terms", .neumann(terms: 200)),
    ("damped Neumann, 400 terms", .neumann(terms: 400, damping: 0.6)),
    ("GMRES", .gmres(tolerance: tolerance)),
    ("restarted GMRES", .gmres(tolerance: tolerance, dimension: 5, limit: 300)),
    ("BiCGStab", .biCGStab(tolerance: tolerance)),
    ("adjoint Picard", .iterative(.picard(), tolerance: tolerance, limit: 400)),
    ("damped adjoint Picard", .iterative(.picard(damping: 0.7), tolerance: tolerance, limit: 600)),
    ("measured", .measured(.gmres(tolerance: tolerance))),
    ("GMRES with a memory", .gmres(tolerance: tolerance, memory: AdjointMemory())),
  ]
}

/// Estimators that are biased by design, and those above.
func implicitEstimators(_ tolerance: Double) -> [(name: String, estimator: any AdjointEstimator)] {
  accurateEstimators(tolerance) + [
    ("one step", .oneStep), ("Neumann, 5 terms", .neumann(terms: 5)),
    ("damped Neumann, 5 terms", .neumann(terms: 5, damping: 0.5)),
    ("3 steps of adjoint Picard", .iterative(.picard(), steps: 3)),
  ]
}

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
