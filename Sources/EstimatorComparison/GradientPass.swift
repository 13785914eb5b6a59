import ImplicitLayers
import Tensors

/// One estimator's gradient, with its cost.
struct GradientPass {
  let gradients: GroupedGradients
  /// w, for estimators that are given z*.
  let adjoint: Tensor?
  /// Evaluations of f; the solve's own included.
  let evaluations: Int
  /// Passes back through an application of f: products with J^T, and the last one, to the
  /// parameters.
  let pullbacks: Int
  /// The report of the backward solve; nil where there is none.
  let report: BackwardReport?
}

/// A solver that takes z* as it was given.
private struct AlreadySolved: ForwardSolver {
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
    let counted = FixedPointMap { z in
      evaluations += 1
      return try problem.map(z).transformingCotangent { w in
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
      // The solve that found z* is counted in place of the one evaluation made here.
      evaluations += (problem.forward?.evaluations ?? 1) - 1
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

  /// What a pass from the first iterate costs.
  func cost(
    _ compared: ComparedEstimator, on problem: ComparisonProblem, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> PassCost {
    let clock = ContinuousClock()
    let nodes = TensorMemory.liveNodes
    let bytes = TensorMemory.liveBytes
    TensorMemory.resetPeak()
    let start = clock.now
    let solution =
      if let initial = problem.initial {
        try compared.estimator.solution(
          of: problem.map, from: initial, using: compared.solver ?? solver, until: rule)
      } else {
        try compared.estimator.solution(
          of: problem.map, from: problem.solution,
          using: AlreadySolved(inverse: problem.inverse), until: .evaluations(1))
      }
    let middle = clock.now
    let tapeNodes = TensorMemory.liveNodes - nodes
    let tapeBytes = TensorMemory.liveBytes - bytes
    let table = try gradients(
      of: solution.value, cotangent: problem.cotangent, retainingGraph: true)
    let end = clock.now
    defer { withExtendedLifetime(table) {} }
    return PassCost(
      forwardSeconds: start.duration(to: middle) / .seconds(1),
      backwardSeconds: middle.duration(to: end) / .seconds(1),
      peakBytes: TensorMemory.peakBytes - bytes, tapeBytes: tapeBytes, tapeNodes: tapeNodes)
  }
}

/// Time and memory of a pass.
struct PassCost {
  var forwardSeconds: Double
  var backwardSeconds: Double
  /// The most that was alive at once, beyond what was alive before.
  var peakBytes: Int
  /// What is alive between the passes: z* and the tape.
  var tapeBytes: Int
  var tapeNodes: Int

  /// The median of each number over several passes.
  static func median(of costs: [PassCost]) -> PassCost? {
    guard !costs.isEmpty else { return nil }
    func middle<Number: Comparable>(_ number: (PassCost) -> Number) -> Number {
      costs.map(number).sorted()[costs.count / 2]
    }
    return PassCost(
      forwardSeconds: middle(\.forwardSeconds), backwardSeconds: middle(\.backwardSeconds),
      peakBytes: middle(\.peakBytes), tapeBytes: middle(\.tapeBytes),
      tapeNodes: middle(\.tapeNodes))
  }
}
