import Tensors

/// One backward pass of an estimator: v to w, with scaling, policy and report.
struct BackwardPass {
  let estimator: any AdjointEstimator
  /// The forward solver's inverse, for this estimator or one that it falls back to; nil for none.
  let inverse: (any InverseJacobian)?
  let forward: SolveReport

  /// v to w, with the report of it.
  ///
  /// - Parameters:
  ///   - v: the cotangent.
  ///   - pullback: w -> J^T w, or w -> J w where the order is odd.
  ///   - order: see `AdjointProblem`.
  /// - Returns: w, and its report.
  /// - Throws: what the estimator throws; `BackwardFailure`; `CancellationError`.
  func run(
    _ v: Tensor, through pullback: @escaping (Tensor) throws -> Tensor, order: Int
  ) throws -> (w: Tensor, report: BackwardReport) {
    let norms = v.normsOfSamples
    var pullbacks = 0
    let counted: (Tensor) throws -> Tensor = { w in
      try Task.checkCancellation()
      pullbacks += 1
      return try pullback(w)
    }
    let scale = exponents(of: norms, v.dtype)
    let own = estimator.inverseUse == .ignored ? nil : inverse
    let problem = AdjointProblem(
      cotangent: v.scaled(scale.map(-)), pullback: counted,
      inverse: order % 2 == 0 ? own : own.map { transposedInverse($0) },
      accuracies: accuracies(v.dtype), order: order)
    #if DEBUG
      try expectSeparateSamples(of: problem.cotangent, pullback: pullback)
    #endif
    // What is recorded has a derivative at 0 too.
    let isZero = !isRecording && !norms.contains { $0 != 0 }
    let estimate = isZero ? AdjointEstimate(value: v) : try estimator.estimate(problem)
    let samples = judged(estimate, of: problem, pullbacks: isZero ? 0 : pullbacks, isZero: isZero)
    let failed = samples.indices.filter { samples[$0].outcome.isFailure }

    var w = estimate.value.scaled(scale)
    var fallback: String?
    switch estimator.onFailure {
    case _ where failed.isEmpty: break
    case .throwing:
      throw BackwardFailure(
        estimator: estimator.name, samples: failed,
        report: LinearSolveReport(samples: samples, applications: pullbacks), forward: forward)
    case .fallback(let other):
      let isFailed = samples.map(\.outcome.isFailure)
      let pass = BackwardPass(estimator: other, inverse: inverse, forward: forward)
      let found = try pass.run(v.keepingSamples(isFailed), through: counted, order: order)
      w = w.replacingSamples(isFailed, with: found.w)
      fallback = other.name
    case .keeping:
      // A cotangent that is not finite must not become a gradient that is.
      w = w.replacingSamples(norms.map { !$0.isFinite }, with: v)
    }
    if isRecording, v.isRecorded, w.count > 0, !w.isRecorded {
      callerMistake(
        "\(estimator.name) left tensor operators, so that what it computes has no derivative; if its "
          + "w solves (I - J^T) w = v, say so: var derivative: EstimateDerivative { .ofEquation }")
    }
    return (
      w,
      BackwardReport(
        estimator: estimator.name, samples: samples, pullbacks: pullbacks, failed: failed,
        fallback: fallback, accuracies: problem.accuracies)
    )
  }

  /// How accurately J is known; see `AdjointProblem.accuracies`.
  ///
  /// A rule that accepts a residual of absolute + relative |f(z)| takes absolute / relative for the
  /// size of a state at 0, which is added to |f(z)| here. A rule with only an absolute part says
  /// nothing about sizes, so this size is taken as 1. An iterate that was kept although it did not
  /// converge counts as the solution, as was asked for.
  ///
  /// A rule of accuracy has measured by how much z - f(z) changes with z: the residual divided by that is
  /// how far z is off, and at most what the rule accepts. I - J is rounded beside 1, however small it is.
  private func accuracies(_ dtype: DType) -> [Double] {
    let tolerance = forward.rule.tolerance
    return forward.samples.map { sample in
      let isKept = sample.outcome.isFailure && forward.rule.onFailure == .keeping
      guard sample.relativeResidual.isFinite, !isKept, sample.residual > 0 else {
        return dtype.machineEpsilon
      }
      var size = sample.residual / sample.relativeResidual
      if let tolerance, tolerance.absolute > 0 {
        size += tolerance.relative > 0 ? tolerance.absolute / tolerance.relative : 1
      }
      guard let slope = sample.slope, let tolerance, tolerance.isOfDistance else {
        return max(sample.residual / size, dtype.machineEpsilon)
      }
      let known = sample.outcome == .converged && tolerance.relative > 0 ? tolerance.relative : 1
      return max(
        min(sample.residual / slope / max(size - sample.residual, 0), known),
        dtype.machineEpsilon * max(1, 1 / slope))
    }
  }

  /// The estimator's report, in which a w that is too large for the accuracy of J is judged as
  /// `singular`.
  ///
  /// J is known to a fraction `accuracy`, so (I - J^T) w is known at best to that fraction of |w|.
  /// If this error is a tenth of |v| or more, I - J is singular as far as it is known.
  private func judged(
    _ estimate: AdjointEstimate, of problem: AdjointProblem, pullbacks: Int, isZero: Bool
  ) -> [LinearSolveReport.Sample] {
    guard let report = estimate.report else {
      let sample = LinearSolveReport.Sample(
        outcome: isZero ? .converged : .notMeasured, relativeResidual: isZero ? 0 : .nan,
        applications: pullbacks)
      return forward.samples.map { _ in sample }
    }
    // The accuracy is a fraction of I - J, whose size is about 1 unless it was measured.
    let slopes = forward.samples.lazy.map { $0.slope ?? 1 }
    let errors = zip(problem.accuracies, slopes).map { $0 * $1 }
    let sizes = zip(estimate.value.normsOfSamples, problem.cotangent.normsOfSamples)
    return zip(zip(report.samples, errors), sizes).map { known, norms in
      var sample = known.0
      let noise = known.1 * norms.0 / norms.1
      if sample.outcome == .converged, noise >= 0.1, noise.isFinite {
        sample.outcome = .singular
        sample.relativeResidual = max(noise, sample.relativeResidual)
      }
      return sample
    }
  }
}

/// The exponents of the powers of two that bring the norm of every sample into [1, 2).
///
/// Multiplying by a power of two is exact, so estimates computed on the scaled cotangent and
/// scaled back are those of the cotangent itself, bit by bit, while tolerances become relative and
/// nothing underflows.
private func exponents(of norms: [Double], _ dtype: DType) -> [Int] {
  // Twice the bound is the largest exponent, so that neither factor leaves the normal range.
  let bound = dtype == .float32 ? 120 : 1000
  return norms.map { norm in
    norm > 0 && norm.isFinite ? min(max(Int(norm.exponent), -bound), bound) : 0
  }
}

extension Tensor {
  /// Each sample times 2^exponent.
  fileprivate func scaled(_ exponents: [Int]) -> Tensor {
    scalingSamples(by: exponents.map { Double(sign: .plus, exponent: $0, significand: 1) })
  }
}
