import ImplicitLayers
import TestSupport

/// A forward solver that every test of all solvers goes through.
struct TabledSolver {
  let name: String
  let solver: any ForwardSolver
  /// The relaxation of plain iteration, or of one that is no faster; nil for a method that accelerates.
  var relaxation: Double?
  /// Whether it learns an inverse Jacobian, which estimators may reuse.
  var learnsInverse = false

  /// Evaluations that are enough to go as far as float64 can: what theory says of plain iteration,
  /// and several times what any acceleration takes.
  func evaluations(for problem: ClosedFormProblem) -> Int {
    relaxation.map { problem.iterations(relaxation: $0) } ?? 150
  }

  static let all = [
    TabledSolver(name: "Picard", solver: .picard(), relaxation: 1),
    TabledSolver(name: "damped Picard", solver: .picard(relaxation: 0.7), relaxation: 0.7),
    // An eigenvalue r becomes (.8 r + (.64 r^2 + .8)^1/2) / 2 <= 1 - (1 - r) / 2. With b = 1/2, half of
    // a residual of two units in the last place moves nothing in float32.
    TabledSolver(name: "paired", solver: .paired(relaxation: 0.8), relaxation: 0.5),
    TabledSolver(name: "Anderson", solver: .anderson()),
    TabledSolver(name: "mixed Anderson", solver: .anderson(depth: 3, mixing: 0.6)),
    TabledSolver(name: "Broyden", solver: .broyden(), learnsInverse: true),
    TabledSolver(name: "Newton", solver: .newton()),
    TabledSolver(name: "Newton-Krylov", solver: .newtonKrylov()),
    TabledSolver(name: "automatic", solver: .automatic),
  ]
}
