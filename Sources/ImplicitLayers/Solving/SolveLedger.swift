import Tensors

/// All that is known of a solve, sample by sample: what it has cost, how each sample fares, where
/// its best iterate was found, and how it ended.
final class SolveLedger {
  private let rule: StoppingRule
  /// The failures in succession after which a sample is given up; nil where the solver judges.
  private let toleratedFailures: Int?
  private(set) var report: SolveReport
  /// Whether a sample is not settled, and how many are not.
  private(set) var isOpen: [Bool]
  private(set) var openCount: Int
  /// The iterations so far: evaluations of iterates, without those for derivatives.
  private(set) var iterations = 0
  /// Per sample, which iterate is its best: 0 for the first.
  private(set) var bestIterates: [Int]
  private var watches: [Watch]
  private var largest: [Double]

  init(from initial: Tensor, until rule: StoppingRule, by solver: some ForwardSolver) {
    self.rule = rule
    toleratedFailures = solver.judgesFailures ? nil : solver.toleratedFailures
    let batch = initial.shape[0]
    report = SolveReport(batch: batch, dtype: initial.dtype, rule: rule, solver: solver)
    isOpen = Array(repeating: true, count: batch)
    openCount = batch
    bestIterates = Array(repeating: 0, count: batch)
    watches = Array(repeating: Watch(), count: batch)
    largest = Array(repeating: 0, count: batch)
    guard rule.tolerance != nil, initial.firstNonFiniteIndex != nil else { return }
    for (sample, norm) in initial.normsOfSamples.enumerated() where !norm.isFinite {
      settle(sample, .nonFinite)
    }
  }

  private init(copying other: SolveLedger) {
    (rule, toleratedFailures, report) = (other.rule, other.toleratedFailures, other.report)
    (isOpen, openCount) = (other.isOpen, other.openCount)
    (iterations, bestIterates) = (other.iterations, other.bestIterates)
    (watches, largest) = (other.watches, other.largest)
  }

  /// Per sample, which iterate is returned, as far as is known.
  var returnedIterates: [Int] {
    rule.tolerance == nil ? bestIterates.map { _ in rule.limit } : bestIterates
  }

  /// Another ledger that says the same, for a part of the solve that is run once more.
  func copy() -> SolveLedger { SolveLedger(copying: self) }

  /// Whether nothing is left to do.
  var isOver: Bool {
    rule.tolerance == nil ? iterations >= rule.limit : iterations > 0 && openCount == 0
  }

  /// Counts a call of the map, in which these samples took part.
  func countEvaluation(of samples: [Int], cost: Int) {
    report.evaluations += 1
    report.sampleEvaluations += cost
    for sample in samples where isOpen[sample] { report.samples[sample].evaluations += 1 }
  }

  /// Counts a product with the Jacobian.
  func countProduct() { report.jacobianProducts += 1 }

  /// The evaluations that a sample may still take.
  func remaining(_ sample: Int) -> Int {
    rule.tolerance == nil ? .max : rule.limit - report.samples[sample].evaluations
  }

  /// Keeps a remark.
  func note(_ text: String, sample: Int) {
    let evaluation = report.samples[sample].evaluations
    report.samples[sample].remarks.append("evaluation \(evaluation): \(text)")
  }

  /// Ends a sample's solve; where no residual is measured, none ends early.
  func settle(_ sample: Int, _ outcome: Outcome) {
    guard rule.tolerance != nil else { return }
    report.samples[sample].outcome = outcome
    if isOpen[sample] { openCount -= 1 }
    isOpen[sample] = false
  }

  /// Takes note of an iterate.
  ///
  /// - Returns: the rows in which it is the best so far; none where residuals are not measured.
  func record(_ point: Iterate) -> [Int] {
    defer { iterations += 1 }
    guard rule.tolerance != nil || rule.keepsTrace else { return [] }
    let (samples, norms) = (point.map.samples, point.norms)
    let imageNorms = rule.tolerance == nil ? [] : point.imageNorms
    var improved: [Int] = []
    for row in samples.indices where isOpen[samples[row]] {
      if rule.keepsTrace { report.samples[samples[row]].trace.append(norms[row]) }
      guard let tolerance = rule.tolerance else { continue }
      if judge(samples[row], norms[row], imageNorms[row], tolerance) { improved.append(row) }
    }
    return improved
  }

  /// Settles a sample if it is time.
  ///
  /// - Returns: whether this iterate is the sample's best.
  private func judge(
    _ sample: Int, _ residual: Double, _ imageNorm: Double, _ tolerance: StoppingRule.Tolerance
  ) -> Bool {
    let isConverged = tolerance.accepts(
      residual: residual, imageNorm: imageNorm, largest: largest[sample])
    if residual.isFinite { largest[sample] = max(largest[sample], residual) }
    // The point that is returned is the one that passed the test.
    let isBest = residual < report.samples[sample].residual || isConverged
    if isBest {
      report.samples[sample].residual = residual
      report.samples[sample].relativeResidual = imageNorm > 0 ? residual / imageNorm : residual
      bestIterates[sample] = iterations
    }
    let failure = toleratedFailures.flatMap {
      watches[sample].judge(
        residual: residual, imageNorm: imageNorm, patience: rule.patience, tolerated: $0)
    }
    if isConverged {
      settle(sample, .converged)
    } else if let failure {
      settle(sample, failure)
    } else if report.samples[sample].evaluations >= rule.limit {
      settle(sample, residual.isFinite ? .limitReached : .nonFinite)
    }
    return isBest
  }

  /// Keeps how many steps the gradient of each sample goes through.
  func keep(differentiatedSteps steps: [Int]) {
    for (sample, steps) in steps.enumerated() {
      report.samples[sample].differentiatedSteps = steps
    }
  }
}
