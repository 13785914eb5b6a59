import Tensors

/// Another estimator, with the residual |v - (I - J^T) w| of its estimate measured and reported.
///
/// ```swift
/// layer.estimator = .measured(.neumann(terms: 5))
/// ```
/// This costs one more pullback, and does not change the estimate. Its derivatives are those of the
/// measured estimator.
public struct Measured: AdjointEstimator {
  /// The estimator that is measured.
  public let base: any AdjointEstimator
  /// The policy of the estimator that is measured.
  public var onFailure: FailurePolicy { base.onFailure }
  /// The use of the solver's inverse by the estimator that is measured.
  public var inverseUse: InverseUse { base.inverseUse }
  /// The derivative of the estimator that is measured.
  public var derivative: EstimateDerivative { base.derivative }
  /// The series that the measured estimator is.
  public var series: NeumannSeries? { base.series }
  /// The name in reports, for instance "one step, measured".
  public var name: String { base.name + ", measured" }
  /// The family of the estimator that is measured.
  public var family: String { base.family }

  /// Measures `base`.
  public init(_ base: any AdjointEstimator) { self.base = base }

  /// The estimate of `base` and its residual.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    var pullbacks = 0
    let counted = AdjointProblem(
      cotangent: problem.cotangent,
      pullback: { w in
        pullbacks += 1
        return try problem.pullback(w)
      }, inverse: problem.inverse, accuracies: problem.accuracies,
      order: problem.order)
    let estimate = try base.estimate(counted)
    let residuals = try (problem.cotangent - counted.system(estimate.value)).normsOfSamples
    let norms = problem.cotangent.normsOfSamples
    let samples = norms.indices.map { sample in
      var entry =
        estimate.report?.samples[sample]
        ?? LinearSolveReport.Sample(
          outcome: .notMeasured, relativeResidual: .nan, applications: pullbacks)
      entry.relativeResidual = norms[sample] == 0 ? 0 : residuals[sample] / norms[sample]
      entry.applications = pullbacks
      return entry
    }
    return AdjointEstimate(
      value: estimate.value, report: LinearSolveReport(samples: samples, applications: pullbacks))
  }
}

extension BackwardEstimator where Self == Measured {
  /// An estimator with its residual measured, at the price of one pullback.
  public static func measured(_ base: any AdjointEstimator) -> Measured { Measured(base) }
}
