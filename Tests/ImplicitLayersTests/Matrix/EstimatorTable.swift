import ImplicitLayers
import TestSupport
import Testing

/// An estimator of the adjoint that every test of all estimators goes through.
struct TabledEstimator: CustomTestStringConvertible {
  let name: String
  let estimator: any AdjointEstimator
  /// Whether it measures its residual, so that the report says how each sample ended.
  var isMeasured = true
  /// Whether a pass depends on the one before it.
  var remembers = false

  var testDescription: String { name }
}

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
) -> [TabledEstimator] {
  // Damped by no more than .8: on the fifth orbit in float32, where w = 67, half of a residual of
  // two units in the last place moves w by one, J w by nearly one too, and the residual by nothing
  // for longer than a solve is patient.
  let (terms, damped) = (problem.iterations(), problem.iterations(relaxation: 0.8))
  let krylov = [
    TabledEstimator(name: "GMRES", estimator: .gmres(tolerance: tolerance, onFailure: policy)),
    TabledEstimator(
      name: "restarted GMRES",
      estimator: .gmres(tolerance: tolerance, dimension: 5, limit: 300, onFailure: policy)),
    TabledEstimator(
      name: "BiCGStab", estimator: .biCGStab(tolerance: tolerance, onFailure: policy)),
    TabledEstimator(
      name: "GMRES with the solver's inverse",
      estimator: .gmres(tolerance: tolerance, reusingInverse: true, onFailure: policy)),
    TabledEstimator(
      name: "BiCGStab with the solver's inverse",
      estimator: .biCGStab(tolerance: tolerance, reusingInverse: true, onFailure: policy)),
    TabledEstimator(
      name: "GMRES with a memory",
      estimator: .gmres(tolerance: tolerance, memory: AdjointMemory(), onFailure: policy),
      remembers: true),
    TabledEstimator(
      name: "measured GMRES",
      estimator: .measured(.gmres(tolerance: tolerance, onFailure: policy))),
  ]
  let limits: [(String, any ForwardSolver, Int)] = [
    ("Picard", .picard(), terms), ("damped Picard", .picard(relaxation: 0.8), damped),
    ("Anderson", .anderson(), 100), ("Broyden", .broyden(), 100),
    ("Newton", .newton(), 100), ("Newton-Krylov", .newtonKrylov(), 100),
    ("automatic", .automatic, 100),
  ]
  return [
    TabledEstimator(name: "exact", estimator: .exact(onFailure: policy)),
    TabledEstimator(name: "least squares", estimator: .leastSquares(onFailure: policy)),
    TabledEstimator(name: "Neumann", estimator: .neumann(terms: terms), isMeasured: false),
    TabledEstimator(
      name: "damped Neumann", estimator: .neumann(terms: damped, relaxation: 0.8),
      isMeasured: false),
  ] + krylov
    + limits.map { name, solver, limit in
      TabledEstimator(
        name: "adjoint \(name)",
        estimator: .iterative(solver, tolerance: tolerance, limit: limit, onFailure: policy))
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

/// Estimators that approximate nothing, and those that are biased by design.
func implicitEstimators(
  _ tolerance: Double, for problem: ClosedFormProblem = .manufacturedTanh(0.6),
  onFailure policy: FailurePolicy = .throwing
) -> [TabledEstimator] {
  accurateEstimators(tolerance, for: problem, onFailure: policy)
    + BiasedEstimator.all.map {
      TabledEstimator(name: $0.name, estimator: $0.estimator, isMeasured: false)
    }
}

/// Unrolling in all its forms, with every step differentiated.
func unrolledEstimators(steps: Int) -> [(name: String, estimator: Unrolled)] {
  [
    ("unrolled", .unrolled), ("checkpoints", .unrolled(keeping: .squareRoot)),
    ("the last steps, which are all", .unrolled(lastSteps: steps)),
  ]
}
