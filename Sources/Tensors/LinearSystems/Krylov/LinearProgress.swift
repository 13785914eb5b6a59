/// The bookkeeping of a linear solve: which samples are open, how small their residuals are, and
/// the cost so far.
struct LinearProgress {
  /// |b - A x| per sample.
  private(set) var residualNorms: [Double]
  /// The residual at which a sample counts as converged.
  let thresholds: [Double]
  /// The samples whose solve has not ended.
  private(set) var open: [Bool]
  /// Applications of A so far.
  private(set) var applications = 0

  private let rightNorms: [Double]
  private var samples: [LinearSolveReport.Sample]

  var isOpen: Bool { open.contains(true) }

  /// Stops unless the bounds of a method make sense.
  static func expectBounds(tolerance: Double, limit: Int) {
    expect(tolerance >= 0, "a tolerance cannot be negative: \(tolerance)")
    expect(limit >= 1, "a solve needs at least one application of the operator, not \(limit)")
  }

  /// The tolerance of each sample, raised to its floor.
  static func tolerances(_ tolerance: Double, floors: [Double]?, for right: Tensor) -> [Double] {
    (floors ?? Array(repeating: 0, count: right.shape[0])).map { Swift.max(tolerance, $0) }
  }

  /// The progress before the first application, when x = 0 and the residual is b.
  init(right: Tensor, tolerances: [Double]) {
    LinearProgress.expectConstant(right)
    rightNorms = right.normsOfSamples
    expect(
      tolerances.count == rightNorms.count,
      "\(tolerances.count) tolerances were given for \(rightNorms.count) samples")
    thresholds = zip(rightNorms, tolerances).map { $0 * $1 }
    residualNorms = rightNorms
    samples = rightNorms.map { norm in
      LinearSolveReport.Sample(
        outcome: norm == 0 ? .converged : norm.isFinite ? .limitReached : .nonFinite,
        relativeResidual: norm == 0 ? 0 : norm.isFinite ? 1 : .nan, applications: 0)
    }
    open = rightNorms.map { $0 > 0 && $0.isFinite }
  }

  /// Stops when a part of the system is recorded.
  ///
  /// The methods compute coefficients as plain numbers, so a derivative taken through their steps
  /// would differ from the derivative of x.
  private static func expectConstant(_ tensor: Tensor) {
    Tensors.expectConstant(
      tensor, in: "a linear solve by products A x",
      instead: "fixedPoint(from:) with the map x - A x + b and an estimator such as .gmres() "
        + "solves the same system with it")
  }

  /// Counts one application of A; `mask` says which samples took part.
  mutating func count(for mask: [Bool]) {
    applications += 1
    for sample in mask.indices where mask[sample] { samples[sample].applications += 1 }
  }

  /// Adds to the traces of the samples of `mask`.
  ///
  /// - Parameters:
  ///   - norms: |b - A x| after an application, either computed from x or as the method's
  ///     recurrence has it.
  ///   - mask: the samples that took part in it.
  mutating func trace(_ norms: [Double], of mask: [Bool]) {
    for sample in mask.indices where mask[sample] {
      samples[sample].trace.append(norms[sample] / rightNorms[sample])
    }
  }

  /// Records b - A x for the open samples, and settles those whose residual is small enough.
  ///
  /// - Parameters:
  ///   - residual: b - A x, computed from x.
  ///   - failures: an outcome for each sample that cannot continue; nil for the others.
  mutating func record(_ residual: Tensor, ifOpen failures: [Outcome?] = []) {
    LinearProgress.expectConstant(residual)
    let norms = residual.normsOfSamples
    for sample in open.indices where open[sample] {
      residualNorms[sample] = norms[sample]
      samples[sample].relativeResidual = norms[sample] / rightNorms[sample]
      let failure =
        norms[sample].isFinite ? (failures.isEmpty ? nil : failures[sample]) : .nonFinite
      if let failure {
        settle(sample, failure)
      } else if norms[sample] <= thresholds[sample] {
        settle(sample, .converged)
      }
    }
  }

  /// Judges a start x0: where |b - A x0| is not below |b|, zero is the better start.
  ///
  /// - Returns: x0 and b - A x0, with 0 and b in the samples that start from 0.
  func admit(_ start: Tensor, residual: Tensor, right: Tensor) -> (x: Tensor, residual: Tensor) {
    let norms = residual.normsOfSamples
    let isWorse = norms.indices.map { !(norms[$0] < rightNorms[$0]) }
    return (
      start.replacingSamples(isWorse, with: start.zerosLike()),
      residual.replacingSamples(isWorse, with: right)
    )
  }

  /// Settles the open samples for which `isStuck` says that continuing is useless.
  mutating func stall(where isStuck: (LinearProgress, Int) -> Bool) {
    for sample in open.indices where open[sample] && isStuck(self, sample) {
      settle(sample, .stalled)
    }
  }

  /// Ends a sample's solve.
  mutating func settle(_ sample: Int, _ outcome: Outcome) {
    open[sample] = false
    samples[sample].outcome = outcome
  }

  var report: LinearSolveReport {
    LinearSolveReport(samples: samples, applications: applications)
  }
}
