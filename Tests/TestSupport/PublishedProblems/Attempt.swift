import ImplicitLayers
import Tensors

// All contact of the published problems with the library's solvers.

/// One solver on one published problem: what it claims, and what is true.
public struct Attempt: Sendable {
  /// The relative and the absolute part of the tolerance: |f(z) - z| <= 1e-9 (1 + |f(z)|).
  public static let tolerance = 1e-9
  /// The evaluations that are granted.
  public static let limit = 1000

  /// How the solver says it ended.
  public let outcome: Outcome
  /// The evaluations it took.
  public let evaluations: Int
  /// |f(z) - z| at the returned z, computed anew.
  public let residual: Double
  /// What the residual may be there.
  public let allowed: Double
  /// The returned z.
  public let value: [Double]

  /// Whether the solver claims to have solved the problem.
  public var claimsConvergence: Bool { outcome == .converged }
  /// Whether the problem is solved: claimed, true and within the limit.
  public var isSolved: Bool {
    claimsConvergence && residual <= allowed && evaluations <= Attempt.limit
  }
  /// Whether the report says what is not so; rounding of the recomputed residual is allowed.
  public var isLie: Bool { claimsConvergence && !(residual <= allowed * (1 + 1e-9)) }
  /// The number of evaluations, or how it failed.
  public var text: String { isSolved ? "\(evaluations)" : "\(outcome) \(evaluations)" }
}

extension PublishedProblem {
  /// Solves the problem from its start.
  public func attempt(with solver: any ForwardSolver) throws -> Attempt {
    let map = map
    let solution = try solver.solve(
      FixedPointMap { map($0) }, from: rowVector(initial),
      until: .tolerance(
        relative: Attempt.tolerance, absolute: Attempt.tolerance, limit: Attempt.limit))
    let image = map(solution.value)
    let sample = solution.report.samples[0]
    return Attempt(
      outcome: sample.outcome, evaluations: sample.evaluations,
      residual: (image - solution.value).normsOfSamples[0],
      allowed: Attempt.tolerance * (1 + image.normsOfSamples[0]),
      value: solution.value.scalars)
  }

  /// |f(z) - z| at a point.
  public func residual(at point: [Double]) -> Double {
    let z = rowVector(point)
    return (map(z) - z).normsOfSamples[0]
  }
}
