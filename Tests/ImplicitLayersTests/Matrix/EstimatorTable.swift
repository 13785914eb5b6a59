import ImplicitLayers
import TestSupport

/// Estimators that approximate nothing.
///
/// - Parameters:
///   - tolerance: the relative accuracy of the adjoint.
///   - problem: what they must be good for: series need as many terms as its contraction asks.
///   - policy: what is done about samples that fail.
/// - Returns: the estimators, each new: a memory remembers nothing yet.
func accurateEstimators(
  _ tolerance: Double, for problem: ClosedFormProblem = .manufacturedTanh(0.6),
  onFailure policy: FailurePolicy = .throwing
) -> [(name: String, estimator: any AdjointEstimator)] {
  // Damped by no more than .8: on the fifth orbit in float32, where w = 67, half of a residual of
  // two units in the last place moves w by one, J w by nearly one too, and the residual by nothing
  // for longer than a solve is patient.
  let (terms, damped) = (problem.iterations(), problem.iterations(relaxation: 0.8))
  let krylov: [(String, any AdjointEstimator)] = [
    ("GMRES", .gmres(tolerance: tolerance, onFailure: policy)),
    ("restarted GMRES", .gmres(tolerance: tolerance, dimension: 5, limit: 300, onFailure: policy)),
    ("BiCGStab", .biCGStab(tolerance: tolerance, onFailure: policy)),
    (
      "GMRES with the solver's inverse",
      .gmres(tolerance: tolerance, reusingInverse: true, onFailure: policy)
    ),
    (
      "BiCGStab with the solver's inverse",
      .biCGStab(tolerance: tolerance, reusingInverse: true, onFailure: policy)
    ),
    (
      "GMRES with a memory",
      .gmres(tolerance: tolerance, memory: AdjointMemory(), onFailure: policy)
    ),
    ("measured GMRES", .measured(.gmres(tolerance: tolerance, onFailure: policy))),
  ]
  let limits: [(String, any ForwardSolver, Int)] = [
    ("Picard", .picard(), terms), ("damped Picard", .picard(relaxation: 0.8), damped),
    ("Anderson", .anderson(), 100), ("Broyden", .broyden(), 100),
    ("Newton", .newton(), 100), ("Newton-Krylov", .newtonKrylov(), 100),
    ("automatic", .automatic, 100),
  ]
  return [
    ("exact", ExactAdjoint(onFailure: policy)),
    ("least squares", LeastSquaresAdjoint(onFailure: policy)),
    ("Neumann", .neumann(terms: terms)),
    ("damped Neumann", .neumann(terms: damped, relaxation: 0.8)),
  ] + krylov
    + limits.map { name, solver, limit in
      (
        "adjoint \(name)",
        .iterative(solver, tolerance: tolerance, limit: limit, onFailure: policy)
      )
    }
}

/// An estimator that is biased by design: what its terms and relaxation make of the adjoint is known.
struct BiasedEstimator {
  let name: String
  let estimator: any AdjointEstimator
  let terms: Int
  let relaxation: Double

  static let all = [
    BiasedEstimator(name: "one step", estimator: .oneStep, terms: 1, relaxation: 1),
    BiasedEstimator(name: "Neumann, 2", estimator: .neumann(terms: 2), terms: 2, relaxation: 1),
    BiasedEstimator(name: "Neumann, 5", estimator: .neumann(terms: 5), terms: 5, relaxation: 1),
    BiasedEstimator(
      name: "damped Neumann, 1", estimator: .neumann(terms: 1, relaxation: 0.5), terms: 1,
      relaxation: 0.5),
    BiasedEstimator(
      name: "damped Neumann, 5", estimator: .neumann(terms: 5, relaxation: 0.5), terms: 5,
      relaxation: 0.5),
    BiasedEstimator(
      name: "adjoint Picard, 3", estimator: .iterative(.picard(), evaluations: 3), terms: 3,
      relaxation: 1),
    BiasedEstimator(
      name: "damped adjoint Picard, 4",
      estimator: .iterative(.picard(relaxation: 0.6), evaluations: 4),
      terms: 4, relaxation: 0.6),
  ]
}

/// Both kinds.
func implicitEstimators(
  _ tolerance: Double, for problem: ClosedFormProblem = .manufacturedTanh(0.6),
  onFailure policy: FailurePolicy = .throwing
) -> [(name: String, estimator: any AdjointEstimator)] {
  accurateEstimators(tolerance, for: problem, onFailure: policy)
    + BiasedEstimator.all.map { ($0.name, $0.estimator) }
}

/// Unrolling in all its forms, with every step differentiated.
func unrolledEstimators(steps: Int) -> [(name: String, estimator: Unrolled)] {
  [
    ("unrolled", .unrolled), ("checkpoints", .unrolled(keeping: .squareRoot)),
    ("the last steps, which are all", .unrolled(lastSteps: steps)),
  ]
}
