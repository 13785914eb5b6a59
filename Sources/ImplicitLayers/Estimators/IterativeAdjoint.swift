import Tensors

/// The adjoint as a fixed point of its own, w = J^T w + v, by any forward solver.
///
/// ```swift
/// let z = try fixedPoint(from: z0, estimator: .iterative(.picard(), tolerance: 1e-8)) { z in
///   (z.matmul(w) + x).tanh()
/// }
/// ```
/// The residual that is tested, v - (I - J^T) w, is relative to |v| in each sample: v enters with
/// norm 1. From w = 0, K evaluations of Picard iteration are the Neumann series of K terms and
/// cost K - 1 pullbacks, since the first image, v, is known; from a remembered w they cost K.
/// Picard iteration needs a spectral radius below 1; accelerated solvers may do without. A solver
/// that linearises its map (Newton-Krylov, and the automatic one in the end) is handed the products
/// J^T s themselves.
///
/// The gradient has the derivatives of the equation, to any order, each by another such iteration
/// (`EstimateDerivative.ofEquation`). After a fixed number of evaluations, w solves the equation
/// only as far as that number allows, and the same holds for its derivatives.
public struct IterativeAdjoint: AdjointEstimator {
  /// How to iterate.
  public let solver: any ForwardSolver
  /// The rule by which the iteration ends, for a cotangent of norm 1.
  public let rule: StoppingRule
  /// The last adjoint, from which to start; nil starts from 0.
  public let memory: AdjointMemory?
  /// What happens to samples that do not reach the tolerance.
  public let onFailure: FailurePolicy

  /// An iteration to a tolerance.
  ///
  /// - Parameters:
  ///   - solver: how to iterate.
  ///   - tolerance: |v - (I - J^T) w| / |v| that counts as converged; default 1e-5.
  ///   - limit: the largest number of evaluations; default 100.
  ///   - memory: where to start from and to store the adjoint; default nil, which starts from 0.
  ///   - onFailure: what happens to samples that do not reach the tolerance; default throwing.
  public init(
    solver: any ForwardSolver, tolerance: Double = 1e-5, limit: Int = 100,
    memory: AdjointMemory? = nil, onFailure: FailurePolicy = .throwing
  ) {
    self.solver = solver
    rule = StoppingRule.tolerance(relative: 0, absolute: tolerance, limit: limit).keepingTrace()
    self.memory = memory
    self.onFailure = onFailure
  }

  /// A fixed number of evaluations, whose residual is not measured.
  public init(solver: any ForwardSolver, evaluations: Int, memory: AdjointMemory? = nil) {
    (self.solver, rule) = (solver, .evaluations(evaluations))
    (self.memory, onFailure) = (memory, .throwing)
  }

  /// Iterates w <- J^T w + v in every sample.
  ///
  /// - Throws: what the pullback throws; `LinearizedAdjoint` if the solver asks for products with
  ///   the adjoint's transpose.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let norms = problem.cotangent.normsOfSamples
    // The tolerance is absolute, so the shorter a cotangent is, the larger is its relative
    // tolerance. Each sample gets the length that raises its tolerance to the accuracy to which J
    // is known.
    let lengths = problem.accuracies.map { accuracy in
      guard let tolerance = rule.tolerance?.absolute, tolerance > 0 else { return 1.0 }
      return accuracy > tolerance ? tolerance / accuracy : 1
    }
    let unit = problem.cotangent.scalingSamples(
      by: zip(norms, lengths).map { $0 > 0 ? $1 / $0 : 1 })
    let memory = problem.order == 0 ? memory : nil
    let remembered = memory?.start(for: unit)
    let start = try withoutRecording {
      try remembered.map { try AdjointStart($0, for: unit, pullback: problem.pullback) }
        ?? AdjointStart(for: unit)
    }
    var known: Tensor? = start.image
    let adjoint = FixedPointMap(
      { w in
        if isRecording { throw LinearizedAdjoint() }
        defer { known = nil }
        return try known ?? problem.pullback(w) + unit
      }, jacobianProduct: problem.pullback)
    let found = try withoutRecording { try solver.solve(adjoint, from: start.w, until: rule) }
    memory?.keep(found.value, for: unit)
    // The image of a remembered start, the first evaluation, took a pullback, also where 0 was better.
    let saved = (remembered == nil ? 1 : 0) - found.report.jacobianProducts
    let samples = zip(found.report.samples, lengths).map { sample, length in
      LinearSolveReport.Sample(
        outcome: sample.outcome, relativeResidual: sample.residual / length,
        applications: max(sample.evaluations - saved, 0),
        // The first iterate, 0, has the residual 1 and needs no pullback.
        trace: sample.trace.dropFirst(remembered == nil ? 1 : 0).map { $0 / length })
    }
    return AdjointEstimate(
      value: found.value.scalingSamples(by: zip(norms, lengths).map { $0 / $1 }),
      report: LinearSolveReport(
        samples: samples, applications: max(found.report.evaluations - saved, 0)))
  }

  /// `.ofEquation`: w solves the equation, so its derivative is that of the solution, however w was
  /// found.
  public var derivative: EstimateDerivative { .ofEquation }
  /// The name in reports, for instance "adjoint Picard to 1e-05".
  public var name: String {
    "adjoint \(solver.name)"
      + (rule.tolerance.map { " to \($0.absolute)" } ?? ", \(rule.limit) evaluations")
  }
  /// The family of estimators that iterate.
  public var family: String { "iteration" }
}

extension BackwardEstimator where Self == IterativeAdjoint {
  /// The adjoint iteration to a tolerance relative to the cotangent; see `IterativeAdjoint`.
  public static func iterative(
    _ solver: any ForwardSolver, tolerance: Double = 1e-5, limit: Int = 100,
    memory: AdjointMemory? = nil, onFailure: FailurePolicy = .throwing
  ) -> IterativeAdjoint {
    IterativeAdjoint(
      solver: solver, tolerance: tolerance, limit: limit, memory: memory, onFailure: onFailure)
  }

  /// A fixed number of steps of the adjoint iteration.
  public static func iterative(
    _ solver: any ForwardSolver, evaluations: Int, memory: AdjointMemory? = nil
  ) -> IterativeAdjoint {
    IterativeAdjoint(solver: solver, evaluations: evaluations, memory: memory)
  }
}
