import ImplicitLayers
import TestSupport
import Testing

/// An estimator of the adjoint, made for a tolerance and a problem.
struct TabledEstimator: CustomTestStringConvertible {
  let name: String
  let estimator: any AdjointEstimator
  let traits: TestedEstimator.Traits

  var testDescription: String { name }

  /// The rows of the table that `isWanted`, each new: a memory remembers nothing yet.
  fileprivate static func made(
    for settings: TestedEstimator.Settings, where isWanted: (TestedEstimator) -> Bool
  ) -> [TabledEstimator] {
    TestedEstimator.all.filter(isWanted).compactMap { row in
      row.makeAdjoint.map {
        TabledEstimator(name: row.name, estimator: $0(settings), traits: row.traits)
      }
    }
  }
}

/// Estimators that approximate nothing.
///
/// - Parameters:
///   - tolerance: the relative accuracy of the adjoint.
///   - problem: what they must be good for: series need as many terms as its contraction asks.
///   - policy: what is done about samples that fail.
/// - Returns: the estimators, each new.
func accurateEstimators(
  _ tolerance: Double, for problem: ClosedFormProblem = .manufacturedTanh(0.6),
  onFailure policy: FailurePolicy = .throwing
) -> [TabledEstimator] {
  TabledEstimator.made(for: .init(tolerance: tolerance, problem: problem, onFailure: policy)) {
    $0.traits.contains(.accurate)
  }
}

/// Estimators that approximate nothing, and those that are biased by design.
func implicitEstimators(
  _ tolerance: Double, for problem: ClosedFormProblem = .manufacturedTanh(0.6),
  onFailure policy: FailurePolicy = .throwing
) -> [TabledEstimator] {
  TabledEstimator.made(for: .init(tolerance: tolerance, problem: problem, onFailure: policy)) {
    $0.traits.contains(.accurate) || $0.series != nil
  }
}

/// An estimator that is biased by design: what its terms and relaxation make of the adjoint is known.
struct BiasedEstimator {
  let name: String
  let estimator: any AdjointEstimator
  let terms: Int
  let relaxation: Double

  static let all = TestedEstimator.all.compactMap { row -> BiasedEstimator? in
    guard let series = row.series, let make = row.makeAdjoint else { return nil }
    return BiasedEstimator(
      name: row.name, estimator: make(.init(tolerance: 1e-9)), terms: series.terms,
      relaxation: series.relaxation)
  }
}

/// Unrolling in all its forms, with every step differentiated.
func unrolledEstimators(steps: Int) -> [(name: String, estimator: any BackwardEstimator)] {
  TestedEstimator.everyStep.map { ($0.name, $0.make(.init(tolerance: 1e-9))) }
    + [("the last steps, which are all", .unrolled(lastSteps: steps))]
}
