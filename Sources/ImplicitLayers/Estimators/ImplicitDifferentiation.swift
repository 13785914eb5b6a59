import Tensors

// What every implicit estimator shares: the solve without a tape, the one recorded application,
// the scaling of the cotangent, the policy on failures and the report.

extension AdjointEstimator {
  /// Solves without recording, then applies `map` once more, recorded, at the detached solution.
  ///
  /// With z* = f(z*), the derivative of that one application is df/dtheta at z*; the cotangent that
  /// enters it is w instead of v, so dL/dtheta = w^T df/dtheta, the implicit function theorem. The
  /// memory that the tape holds is that of one application, whatever the number of iterations.
  ///
  /// The value is the solve's own, z*, of which the report gives the residual. Where the rule is a
  /// number of evaluations, which asks for no residual, it is f(z*): the recorded application is
  /// one iteration more. While recording is off, the value is the same and nothing is recorded.
  public func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution {
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
  ) throws -> Solution {
    let found = try withoutRecording {
      try solver.solve(map, from: initial.detached(), until: rule)
    }
    let isMeasured = rule.tolerance != nil
    guard isRecording else {
      if isMeasured { return found }
      return Solution(value: try map(found.value), report: found.report, inverse: found.inverse)
    }
    if inverseUse == .required && found.inverse == nil { throw MissingInverse() }
    let (image, pullback) = try valueWithPullback(at: found.value) { try map($0) }
    let inverse = inverseUse == .ignored ? nil : found.inverse
    let unsolved = found.report.samples.indices.filter {
      ![.converged, .notMeasured].contains(found.report.samples[$0].outcome)
    }
    let record = BackwardRecord()
    let differentiated = attaching(image, pullback).transformingCotangent(
      name: "implicit solution"
    ) { v in
      let pass = BackwardPass(
        estimator: self, pullback: pullback, inverse: inverse, unsolved: unsolved)
      let (w, report) = try pass.run(v)
      record.report = report
      return w
    }
    return Solution(
      value: isMeasured ? differentiated.withElements(of: found.value) : differentiated,
      report: found.report, inverse: found.inverse, backwardRecord: record)
  }
}

/// One backward pass of an estimator: v to w, with scaling, policy and report.
private struct BackwardPass {
  let estimator: any AdjointEstimator
  let pullback: (Tensor) throws -> Tensor
  let inverse: (any InverseJacobian)?
  let unsolved: [Int]

  func run(_ v: Tensor) throws -> (w: Tensor, report: BackwardReport) {
    let norms = v.normsOfSamples
    guard norms.contains(where: { $0 != 0 }) else {
      let sample = LinearSolveReport.Sample(
        outcome: .converged, relativeResidual: 0, applications: 0)
      return (
        v,
        BackwardReport(
          estimator: estimator, samples: norms.map { _ in sample }, pullbacks: 0, failed: [],
          fallback: nil)
      )
    }
    let scale = PowerOfTwoScale(norms: norms, dtype: v.dtype)
    var pullbacks = 0
    let counted: (Tensor) throws -> Tensor = { w in
      pullbacks += 1
      return try pullback(w)
    }
    let unit = scale.down(v)
    let estimate = try estimator.estimate(
      AdjointProblem(cotangent: unit, pullback: counted, inverse: inverse))
    let unmeasured = LinearSolveReport.Sample(
      outcome: .notMeasured, relativeResidual: .nan, applications: pullbacks)
    let samples =
      estimate.report.map { withoutNoise($0.samples, w: estimate.value, v: unit) }
      ?? norms.map { _ in unmeasured }
    let failed = samples.indices.filter {
      ![.converged, .notMeasured].contains(samples[$0].outcome)
    }
    let isFailed = samples.indices.map { failed.contains($0) }

    var w = scale.up(estimate.value)
    var fallback: (any AdjointEstimator)?
    if !failed.isEmpty {
      switch estimator.onFailure {
      case .throwing:
        throw BackwardFailure(
          estimator: estimator, samples: failed,
          report: LinearSolveReport(samples: samples, applications: pullbacks), unsolved: unsolved)
      case .fallback(let other):
        let pass = BackwardPass(
          estimator: other, pullback: counted, inverse: inverse, unsolved: unsolved)
        w = w.replacingSamples(isFailed, with: try pass.run(v.keepingSamples(isFailed)).w)
        fallback = other
      case .keeping:
        // A cotangent that is not finite must not become a gradient that is.
        w = w.replacingSamples(norms.map { !$0.isFinite }, with: v)
      }
    }
    return (
      w,
      BackwardReport(
        estimator: estimator, samples: samples, pullbacks: pullbacks, failed: failed,
        fallback: fallback)
    )
  }
}

extension BackwardPass {
  /// What is reported, except that a w beside which v is rounding solves nothing.
  ///
  /// w - J^T w is computed to an error of |w| times the unit roundoff at least. Where that is a
  /// tenth of |v| or more, I - J is singular in all but rounding, and a residual that is claimed to
  /// be smaller is an accident.
  private func withoutNoise(
    _ samples: [LinearSolveReport.Sample], w: Tensor, v: Tensor
  ) -> [LinearSolveReport.Sample] {
    zip(samples, zip(w.normsOfSamples, v.normsOfSamples)).map { sample, norms in
      let noise = w.dtype.unitRoundoff * norms.0 / norms.1
      guard sample.outcome == .converged, noise >= 0.1, noise.isFinite else { return sample }
      return LinearSolveReport.Sample(
        outcome: .stalled, relativeResidual: noise, applications: sample.applications,
        trace: sample.trace)
    }
  }
}

/// Powers of two that bring the norm of every sample into [1, 2).
///
/// Multiplying by a power of two is exact, so estimates computed on the scaled cotangent and
/// scaled back are those of the cotangent itself, bit by bit, while tolerances become relative and
/// nothing underflows.
private struct PowerOfTwoScale {
  private let exponents: [Int]

  init(norms: [Double], dtype: DType) {
    // Twice the bound is the largest exponent, so that neither factor leaves the normal range.
    let bound = dtype == .float32 ? 120 : 1000
    exponents = norms.map { norm in
      norm > 0 && norm.isFinite ? Swift.min(Swift.max(Int(norm.exponent), -bound), bound) : 0
    }
  }

  func down(_ v: Tensor) -> Tensor { scaled(v, -1) }
  func up(_ w: Tensor) -> Tensor { scaled(w, 1) }

  private func scaled(_ v: Tensor, _ direction: Int) -> Tensor {
    v.scalingSamples(
      by: exponents.map { Double(sign: .plus, exponent: direction * $0, significand: 1) })
  }
}
