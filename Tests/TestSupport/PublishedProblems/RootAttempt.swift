import ImplicitLayers
import Tensors

/// One solver on one published root problem, by the test of other libraries' tables: |F| <= 1e-8 at
/// the returned point, within 1000 evaluations of F and products with its Jacobian together.
public struct RootAttempt: Sendable {
  /// What |F| may be at most.
  public static let tolerance = 1e-8
  /// What may be spent: a product with the Jacobian, or its transpose, counts as an evaluation does,
  /// as others approximate it by one.
  public static let limit = 1000

  /// How the solver says it ended.
  public let outcome: Outcome
  /// Evaluations of F, and products with its Jacobian or the transpose of that.
  public let evaluations: Int, products: Int
  /// |F| at the returned point, computed anew.
  public let residual: Double

  /// What was spent.
  public var cost: Int { evaluations + products }
  /// Whether the problem is solved: claimed, true and within the limit.
  public var isSolved: Bool {
    outcome == .converged && residual <= Self.tolerance * (1 + 1e-9) && cost <= Self.limit
  }
}

extension PublishedProblem {
  /// The root-finding problems of `all` and `otherSizes`, 33.
  public static let roots = all.filter { $0.kind == .root } + otherSizes

  /// F at a point.
  public func values(at point: [Double]) -> [Double] { equations(rowVector(point)).scalars }

  /// Solves F = 0 from the start.
  public func findRoot(with solver: any ForwardSolver) throws -> RootAttempt {
    let equations = equations
    let report = try solve(
      .root { equations($0) }, from: rowVector(initial), using: solver, estimator: .oneStep,
      until: .tolerance(relative: 0, absolute: RootAttempt.tolerance, limit: RootAttempt.limit))
    return RootAttempt(
      outcome: report.report.samples[0].outcome, evaluations: report.report.evaluations,
      products: report.report.jacobianProducts,
      residual: equations(report.value.detached()).normsOfSamples[0])
  }
}
