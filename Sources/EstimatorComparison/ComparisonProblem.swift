import ImplicitLayers
import Tensors

/// The problem that every estimator of a comparison gets: the map of the samples that have a fixed
/// point, their z* and their cotangent.
struct ComparisonProblem {
  /// f on the rows of the problem.
  let map: FixedPointMap
  /// The first iterate; nil where z* was given.
  let initial: Tensor?
  /// z*, at which every estimator differentiates.
  let solution: Tensor
  /// The inverse that the forward solver has built; nil if it builds none.
  let inverse: (any InverseJacobian)?
  /// v = dL/dz*; zero in rows that do not count.
  let cotangent: Tensor
  /// Which rows count.
  let isKept: [Bool]
  /// The positions of the rows in the whole batch.
  let positions: [Int]
  /// The cost of the solve; nil if z* was given.
  let forward: SolveReport?
  /// Every sample of the whole batch.
  let samples: [ComparisonReport.Sample]
  /// dL/dz at another point of the rows.
  let cotangentAt: (Tensor) throws -> Tensor

  /// The number of numbers per sample.
  var stateSize: Int { solution.count / solution.shape[0] }
}

/// The error that there is no sample on which estimators could be compared.
public struct NothingToCompare: Error, CustomStringConvertible {
  /// Every sample, with the reason why it is left out.
  public let samples: [ComparisonReport.Sample]

  /// What happened and what to try.
  public var description: String {
    let first = samples.prefix(3).map(\.description).joined(separator: "; ")
    return "no sample has a fixed point at which gradients could be compared: \(first)"
      + "\(samples.count > 3 ? "; ..." : ""); allow more evaluations, use another solver, or "
      + "raise largestResidual to compare at points that are no fixed points"
  }
}

extension EstimatorComparison {
  /// Finds z*, and removes the samples that have no fixed point.
  func problem() throws -> ComparisonProblem {
    try withoutRecording {
      let found: Solution<Tensor>?
      let solution: Tensor
      switch origin {
      case .given(let z): (found, solution) = (nil, z)
      case .solve(let initial):
        let solved = try solver.solve(map, from: initial.detached(), until: stoppingRule)
        (found, solution) = (solved, solved.value)
      }
      let samples = try judge(solution, found?.report)
      let kept = samples.indices.filter { samples[$0].isKept }
      guard !kept.isEmpty else { throw NothingToCompare(samples: samples) }
      // The loss of the whole batch must not be spoiled by a sample that does not count.
      let broken = solution.normsOfSamples.map { !$0.isFinite }
      let whole = solution.replacingSamples(broken, with: solution.zerosLike())
      let everywhere = { (z: Tensor) throws -> Tensor in
        let (value, pullback) = try valueWithPullback(at: z, of: loss)
        return try withoutRecording { try pullback(.ones(value.shape, dtype: value.dtype)) }
      }
      if kept.count == samples.count {
        return ComparisonProblem(
          map: map, initial: initial, solution: whole, inverse: found?.inverse,
          cotangent: try everywhere(whole), isKept: samples.map(\.isKept), positions: kept,
          forward: found?.report, samples: samples, cotangentAt: everywhere)
      }
      let cotangentOfKept = { (z: Tensor) throws -> Tensor in
        try everywhere(whole.replacing(kept, z)).samples(kept)
      }
      if let restricted = try map.ofSamples(kept) {
        let z = solution.samples(kept)
        return ComparisonProblem(
          map: restricted, initial: initial?.samples(kept), solution: z,
          inverse: found?.inverse.map { $0.samples(kept) }, cotangent: try cotangentOfKept(z),
          isKept: kept.map { _ in true }, positions: kept, forward: found?.report,
          samples: samples, cotangentAt: cotangentOfKept)
      }
      // The other samples stay where they are, as constants.
      let isKept = samples.map(\.isKept)
      let frozen = FixedPointMap { [map] z in Tensor.selectSamples(isKept, try map(z), whole) }
      let cotangentOfRows = { (z: Tensor) throws -> Tensor in
        try everywhere(z).keepingSamples(isKept)
      }
      return ComparisonProblem(
        map: frozen, initial: initial.map { Tensor.selectSamples(isKept, $0, whole) },
        solution: whole, inverse: found?.inverse, cotangent: try cotangentOfRows(whole),
        isKept: isKept, positions: Array(samples.indices), forward: found?.report,
        samples: samples, cotangentAt: cotangentOfRows)
    }
  }

  private var initial: Tensor? {
    if case .solve(let initial) = origin { return initial.detached() }
    return nil
  }

  /// How far each sample is from a fixed point, and whether it counts.
  private func judge(_ z: Tensor, _ report: SolveReport?) throws -> [ComparisonReport.Sample] {
    let image = try map(z)
    let residuals = (image - z).normsOfSamples
    let norms = image.normsOfSamples
    return residuals.indices.map { sample in
      let outcome = report?.samples[sample].outcome ?? .notMeasured
      let relative = norms[sample] == 0 ? residuals[sample] : residuals[sample] / norms[sample]
      let isKept =
        switch outcome {
        case .diverged, .nonFinite: false
        case .stalled, .limitReached, .singular: relative <= largestResidual
        case .converged, .notMeasured: relative.isFinite
        }
      return ComparisonReport.Sample(
        position: sample, outcome: "\(outcome)",
        relativeResidual: relative.isFinite ? relative : nil,
        evaluations: report?.samples[sample].evaluations, isKept: isKept)
    }
  }
}
