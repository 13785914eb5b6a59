import ImplicitLayers
import Tensors

/// One estimator's gradient, with its cost.
struct GradientPass {
  let gradients: GroupedGradients
  /// w, for estimators that are given z*.
  let adjoint: Tensor?
  /// Evaluations of f: those of the solve, the recorded one, and those of the backward pass.
  let evaluations: Int
  /// Passes back through an application of f: products with J^T, and the last one, to the
  /// parameters.
  let pullbacks: Int
  /// The report of the backward solve; nil where there is none.
  let report: BackwardReport?
}

/// A solver that takes z* as it was given.
struct AlreadySolved: ForwardSolver {
  let inverse: (any InverseJacobian)?
  func next(after point: Iterate, _ history: inout NoHistory) -> Tensor { point.z }
  func inverse(from history: NoHistory) -> (any InverseJacobian)? { inverse }
}

/// The error that a comparison at a given z* has an estimator that needs a solve.
public struct NothingToUnroll: Error, CustomStringConvertible {
  /// What happened and what to try.
  public var description: String {
    "z* was given, so there is no solve to differentiate or to vary; make the comparison from an "
      + "initial state instead"
  }
}

extension EstimatorComparison {
  /// The gradient of <v, z> by an estimator, at the problem's z* or another.
  func pass(
    _ compared: ComparedEstimator, on problem: ComparisonProblem, at point: Tensor? = nil,
    cotangent v: Tensor, until rule: StoppingRule? = nil
  ) throws -> GradientPass {
    var (evaluations, pullbacks) = (0, 0)
    var last: Tensor?
    // It passes its cotangent on, so that a solver may differentiate a pullback to get products J s.
    let counted = FixedPointMap { z in
      evaluations += 1
      return try problem.map(z).transformingCotangent(differentiatesAgain: true) { w in
        pullbacks += 1
        last = w
        return w
      }
    }
    let solution: Solution<Tensor>
    if compared.estimator.adjoint != nil {
      solution = try compared.estimator.solution(
        of: counted, from: point ?? problem.solution,
        using: AlreadySolved(inverse: problem.inverse), until: .evaluations(1))
      // What was evaluated here is the application that is recorded: under a tolerance one more than the
      // solve takes, and the last of a fixed number.
      if let forward = problem.forward {
        evaluations += forward.evaluations - (forward.rule.tolerance == nil ? 1 : 0)
      }
    } else {
      guard let initial = problem.initial else { throw NothingToUnroll() }
      solution = try compared.estimator.solution(
        of: counted, from: initial, using: compared.solver ?? solver, until: rule ?? stoppingRule)
    }
    let table = try gradients(of: solution.value, cotangent: v, retainingGraph: true)
    return GradientPass(
      gradients: GroupedGradients(table, of: parameters),
      adjoint: compared.estimator.adjoint != nil ? last : nil, evaluations: evaluations,
      pullbacks: pullbacks, report: table.backwardReport(of: solution))
  }

  /// (df/dtheta)^T w at z*, for any w.
  func parameterGradients(
    of w: Tensor, on problem: ComparisonProblem
  ) throws -> GroupedGradients {
    let image = try problem.map(problem.solution)
    let table = try gradients(of: image, cotangent: w, retainingGraph: true)
    return GroupedGradients(table, of: parameters)
  }
}
