import Tensors

extension AdjointEstimator {
  /// Solves without recording, and records one application of `map` at the detached solution.
  ///
  /// With z* = f(z*), the derivative of that one application is df/dtheta at z*; the cotangent that
  /// enters it is w instead of v, so dL/dtheta = w^T df/dtheta, the implicit function theorem. The
  /// memory that the tape holds is that of one application, whatever the number of iterations.
  ///
  /// The value is the solve's own, whatever the estimator. Under a tolerance the application is one
  /// more, at the z* that was found; of a fixed number of evaluations it is the last one, at the
  /// iterate before z*. While recording is off, nothing is recorded and nothing is evaluated twice.
  public func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    try implicitSolution(of: map, from: initial, using: solver, until: rule) { image, _ in image }
  }

  /// As `solution`, with a chance to attach more to the image than the map's own gradients.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - initial: the first iterate.
  ///   - solver: how to iterate.
  ///   - rule: when to stop.
  ///   - attaching: receives the recorded image f(z*) and w -> J^T w; what it returns has the
  ///     image's shape and is given w as its cotangent.
  /// - Returns: the solution, recorded.
  /// - Throws: what `map` throws; `MissingInverse`.
  func implicitSolution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule,
    attaching: (_ image: Tensor, _ pullback: @escaping (Tensor) throws -> Tensor) -> Tensor
  ) throws -> Solution<Tensor> {
    let start = initial.detached()
    guard isRecording else { return try solver.solve(map, from: start, until: rule) }
    var recorded: (value: Tensor, pullback: (Tensor) throws -> Tensor)?
    var recording = map
    recording.last = { z in
      let near = try valueWithPullback(at: z) { try map($0) }
      recorded = near
      return near.value.detached()
    }
    let found = try withoutRecording { try solver.solve(recording, from: start, until: rule) }
    if inverseUse == .required && found.inverse == nil { throw MissingInverse() }
    let (image, pullback) =
      try recorded ?? valueWithPullback(at: found.value) { try map($0) }
    let pass = BackwardPass(
      estimator: self, pullback: pullback, inverse: inverseUse == .ignored ? nil : found.inverse,
      forward: found.report)
    let (differentiated, ticket) = attaching(image, pullback)
      .reportingCotangent(name: "implicit solution") { try pass.run($0) }
    return Solution(
      value: differentiated.withElements(of: found.value), report: found.report,
      inverse: found.inverse, ticket: ticket)
  }
}

/// One backward pass of an estimator: v to w, with scaling, policy and report.
private struct BackwardPass {
  let estimator: any AdjointEstimator
  let pullback: (Tensor) throws -> Tensor
  let inverse: (any InverseJacobian)?
  let forward: SolveReport

  func run(_ v: Tensor) throws -> (w: Tensor, report: BackwardReport) {
    let norms = v.normsOfSamples
    var pullbacks = 0
    let counted: (Tensor) throws -> Tensor = { w in
      pullbacks += 1
      return try pullback(w)
    }
    let scale = exponents(of: norms, v.dtype)
    let problem = AdjointProblem(
      cotangent: v.scaled(scale.map(-)), pullback: counted, inverse: inverse,
      accuracies: accuracies(v.dtype))
    #if DEBUG
      // A layer whose samples mix is solved and differentiated wrongly without another sign.
      if let leak = try mixedSample(of: problem.cotangent, pullback: pullback) {
        callerMistake(leak)
      }
    #endif
    let isZero = !norms.contains { $0 != 0 }
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
      let pass = BackwardPass(
        estimator: other, pullback: counted, inverse: inverse, forward: forward)
      w = w.replacingSamples(isFailed, with: try pass.run(v.keepingSamples(isFailed)).w)
      fallback = other.name
    case .keeping:
      // A cotangent that is not finite must not become a gradient that is.
      w = w.replacingSamples(norms.map { !$0.isFinite }, with: v)
    }
    return (
      w,
      BackwardReport(
        estimator: estimator.name, samples: samples, pullbacks: pullbacks, failed: failed,
        fallback: fallback, accuracies: problem.accuracies)
    )
  }

  /// How well J is known: see `AdjointProblem.accuracies`.
  ///
  /// An iterate that was kept although it did not converge counts as the solution, as was asked for.
  private func accuracies(_ dtype: DType) -> [Double] {
    forward.samples.map { sample in
      let isKept = sample.outcome.isFailure && forward.rule.onFailure == .keeping
      return sample.relativeResidual.isFinite && !isKept
        ? max(sample.relativeResidual, dtype.machineEpsilon) : dtype.machineEpsilon
    }
  }

  /// What the estimator reports, except that a w beside which v is noise solves nothing.
  ///
  /// J is known to a fraction `accuracy`, so that (I - J^T) w is known to that fraction of |w| at
  /// best. Where it is a tenth of |v| or more, I - J is singular in all but its error.
  private func judged(
    _ estimate: AdjointEstimate, of problem: AdjointProblem, pullbacks: Int, isZero: Bool
  ) -> [LinearSolveReport.Sample] {
    guard let report = estimate.report else {
      let sample = LinearSolveReport.Sample(
        outcome: isZero ? .converged : .notMeasured, relativeResidual: isZero ? 0 : .nan,
        applications: pullbacks)
      return forward.samples.map { _ in sample }
    }
    let sizes = zip(estimate.value.normsOfSamples, problem.cotangent.normsOfSamples)
    return zip(zip(report.samples, problem.accuracies), sizes).map { known, norms in
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
