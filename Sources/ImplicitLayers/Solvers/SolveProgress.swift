import Tensors

/// The bookkeeping of one solve: outcomes, residuals and the best iterate of each sample.
struct SolveProgress {
  private let rule: StoppingRule
  /// The failures in succession after which a sample is given up.
  private let toleratedFailures: Int
  private var report: SolveReport
  private var states: [SampleState]
  private var iterations = 0

  /// The rows of the iterate, as positions in the batch.
  private var active: [Int]
  /// The best iterate of each row.
  private var best: Tensor
  /// Best iterates of samples that have left.
  private var departed: [(positions: [Int], best: Tensor)] = []

  private struct SampleState {
    var isOpen = true
    var firstResidual = 0.0
    var failures = 0
    var sinceBest = 0
    var remarks = 0
  }

  init(from initial: Tensor, until rule: StoppingRule, failures: Int) {
    self.rule = rule
    toleratedFailures = failures
    best = initial
    let batch = initial.shape[0]
    active = Array(0..<batch)
    states = Array(repeating: SampleState(), count: batch)
    let unknown = SolveReport.Sample(
      outcome: rule.tolerance == nil ? .notMeasured : .limitReached,
      residual: rule.tolerance == nil ? .nan : .infinity, relativeResidual: .nan,
      evaluations: 0)
    report = SolveReport(
      samples: Array(repeating: unknown, count: batch), dtype: initial.dtype, rule: rule)
    if rule.tolerance != nil, initial.firstNonFiniteIndex != nil {
      let norms = initial.normsOfSamples
      for sample in norms.indices where !norms[sample].isFinite {
        report.samples[sample].outcome = .nonFinite
        states[sample].isOpen = false
      }
    }
  }

  /// Whether nothing is left to do.
  var isOver: Bool {
    rule.tolerance == nil
      ? iterations == rule.limit : !active.contains { states[$0].isOpen } && iterations > 0
  }

  /// The rows whose samples are not settled.
  var openRows: [Int] { active.indices.filter { states[active[$0]].isOpen } }
  /// The rows whose samples are settled.
  var settledRows: [Int] { active.indices.filter { !states[active[$0]].isOpen } }

  /// Takes note of an iterate and its image.
  mutating func record(_ z: Tensor, image: Tensor, in context: SolveContext) {
    iterations += 1
    guard rule.tolerance != nil || rule.keepsTrace else { return }
    let residuals = context.residual(at: z, image: image).norms
    let imageNorms = image.normsOfSamples
    if rule.keepsTrace {
      for (row, sample) in active.enumerated() where states[sample].isOpen {
        report.samples[sample].trace.append(residuals[row])
      }
    }
    guard let tolerance = rule.tolerance else { return }
    var others: [Int] = []
    for (row, sample) in active.enumerated() {
      guard states[sample].isOpen else {
        others.append(row)
        continue
      }
      report.samples[sample].evaluations = context.counts.ofSamples[sample]
      let all = context.counts.remarks
      let remarks = all.isEmpty ? 0 : all[sample]?.count ?? 0
      if remarks != states[sample].remarks {
        states[sample].sinceBest = 0
        states[sample].remarks = remarks
      }
      let isBest = judge(
        sample, residual: residuals[row], imageNorm: imageNorms[row], tolerance: tolerance,
        noise: z.dtype.residualNoise * imageNorms[row])
      if !isBest { others.append(row) }
      context.counts.isSettled[sample] = !states[sample].isOpen
    }
    if others.count < active.count {
      best = others.isEmpty ? z : z.replacing(others, best.samples(others))
    }
  }

  /// Settles a sample if it is time.
  ///
  /// - Returns: whether this iterate is the sample's best.
  private mutating func judge(
    _ sample: Int, residual: Double, imageNorm: Double, tolerance: StoppingRule.Tolerance,
    noise: Double
  ) -> Bool {
    let isFirst = report.samples[sample].residual == .infinity
    if isFirst { states[sample].firstResidual = residual }
    let isConverged = tolerance.accepts(residual: residual, imageNorm: imageNorm)
    // The point that is returned is the one that passed the test.
    let isBest = residual < report.samples[sample].residual || isConverged
    if isBest {
      report.samples[sample].residual = residual
      report.samples[sample].relativeResidual = imageNorm > 0 ? residual / imageNorm : residual
      states[sample].sinceBest = 0
    } else {
      states[sample].sinceBest += 1
    }
    let failure: Outcome? =
      !residual.isFinite
      ? .nonFinite
      : residual > 1000 * max(states[sample].firstResidual, noise) ? .diverged : nil
    states[sample].failures = failure == nil ? 0 : states[sample].failures + 1
    if isConverged {
      settle(sample, .converged)
    } else if let failure, isFirst || states[sample].failures > toleratedFailures {
      settle(sample, failure)
    } else if states[sample].sinceBest >= rule.patience {
      settle(sample, .stalled)
    } else if report.samples[sample].evaluations >= rule.limit {
      settle(sample, failure ?? .limitReached)
    }
    return isBest
  }

  private mutating func settle(_ sample: Int, _ outcome: Outcome) {
    report.samples[sample].outcome = outcome
    states[sample].isOpen = false
  }

  /// Puts the best iterates of all rows but `rows` aside.
  mutating func keepOnly(_ rows: [Int]) {
    let settled = settledRows
    departed.append((settled.map { active[$0] }, best.samples(settled)))
    best = best.samples(rows)
    active = rows.map { active[$0] }
  }

  /// The result, the samples in their places.
  func solution(
    lastIterate: Tensor, inverse: (any InverseJacobian)?, counts: SolveContext.Counts
  ) -> Solution {
    var report = report
    report.evaluations = counts.evaluations
    report.sampleEvaluations = counts.sampleEvaluations
    report.jacobianProducts = counts.jacobianProducts
    for (sample, remarks) in counts.remarks { report.samples[sample].remarks = remarks }
    guard rule.tolerance == nil else {
      return Solution(value: assembled, report: report, inverse: inverse)
    }
    for sample in report.samples.indices {
      report.samples[sample].evaluations = counts.ofSamples[sample]
    }
    return Solution(value: lastIterate, report: report, inverse: inverse)
  }

  private var assembled: Tensor {
    guard !departed.isEmpty else { return best }
    let parts = departed + [(active, best)]
    let order = parts.flatMap(\.positions)
    var row = order
    for (position, sample) in order.enumerated() { row[sample] = position }
    return Tensor.concatenated(parts.map(\.best)).samples(row)
  }
}
