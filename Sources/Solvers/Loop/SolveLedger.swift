import Tensors

/// The records of a solve, sample by sample: its cost, the progress of each sample, the place of
/// its best iterate, and how it ended.
package final class SolveLedger {
  /// The records of a sample in addition to its report.
  private struct Entry {
    var isOpen = true
    /// The number of its best iterate; 0 for the first iterate.
    var bestIterate = 0
    /// The largest residual so far.
    var largest = 0.0
    var watch = Watch()

    /// Records a point.
    ///
    /// - Returns: whether the point is the sample's best one, and how the sample has failed, if it
    ///   has.
    mutating func judge(
      _ known: inout SolveReport.Sample, _ residual: Double, _ imageNorm: Double,
      isConverged: Bool, at iteration: Int, by rule: StoppingRule, tolerated: Int?
    ) -> (isBest: Bool, failure: Outcome?) {
      if residual.isFinite { largest = max(largest, residual) }
      // The point that is returned is the one that passed the test.
      let isBest = residual < known.residual || isConverged
      if isBest {
        known.residual = residual
        known.relativeResidual = imageNorm > 0 ? residual / imageNorm : residual
        bestIterate = iteration
      }
      let failure = tolerated.flatMap {
        watch.judge(
          residual: residual, imageNorm: imageNorm, patience: rule.patience, tolerated: $0)
      }
      let isLast = known.evaluations >= rule.limit
      return (
        isBest, failure ?? (isLast ? residual.isFinite ? .limitReached : .nonFinite : nil)
      )
    }
  }

  private let rule: StoppingRule
  /// The number of successive failures after which a sample is given up; nil if the solver judges
  /// failures itself.
  private let toleratedFailures: Int?
  private(set) var report: SolveReport
  private var entries: [Entry]
  /// The number of samples that are not settled.
  private(set) var openCount: Int
  /// The iterations so far: evaluations of iterates, without those for derivatives.
  package private(set) var iterations = 0

  init(from initial: Tensor, until rule: StoppingRule, by solver: some ForwardSolver) {
    self.rule = rule
    toleratedFailures = solver.judgesFailures ? nil : solver.toleratedFailures
    openCount = initial.shape[0]
    report = SolveReport(batch: openCount, dtype: initial.dtype, rule: rule, solver: solver)
    entries = Array(repeating: Entry(), count: openCount)
    // The norms of a state in parts are sums that all processes take part in, or none.
    guard rule.tolerance != nil,
      StateSharding.current != nil || initial.firstNonFiniteIndex != nil
    else { return }
    for (sample, norm) in initial.normsOfSamples.enumerated() where !norm.isFinite {
      settle(sample, .nonFinite)
    }
  }

  private init(copying other: SolveLedger) {
    (rule, toleratedFailures, report) = (other.rule, other.toleratedFailures, other.report)
    (entries, openCount, iterations) = (other.entries, other.openCount, other.iterations)
  }

  /// Another ledger with the same content, for a part of the solve that is run once more.
  func copy() -> SolveLedger { SolveLedger(copying: self) }

  /// Whether a sample is not settled.
  func isOpen(_ sample: Int) -> Bool { entries[sample].isOpen }

  /// The rows of some samples that are not settled, and those that are.
  func rows(of samples: [Int]) -> (open: [Int], settled: [Int]) {
    let entries = entries
    var (open, settled): ([Int], [Int]) = ([], [])
    open.reserveCapacity(openCount)
    for (row, sample) in samples.enumerated() {
      if entries[sample].isOpen { open.append(row) } else { settled.append(row) }
    }
    return (open, settled)
  }

  /// Per sample, which iterate is its best: 0 for the first.
  package var bestIterates: [Int] { entries.map(\.bestIterate) }

  /// Per sample, which iterate is returned, as far as is known.
  package var returnedIterates: [Int] {
    entries.map { rule.tolerance == nil ? rule.limit : $0.bestIterate }
  }

  /// Whether the solve has ended: all samples are settled or, under a rule that measures no
  /// residual, the number of evaluations is reached.
  package var isOver: Bool {
    rule.tolerance == nil ? iterations >= rule.limit : iterations > 0 && openCount == 0
  }

  /// Whether the next iteration is the last of a fixed number.
  var isAtLast: Bool { rule.tolerance == nil && iterations == rule.limit - 1 }

  /// Counts a call of the map, in which these samples took part.
  func countEvaluation(of samples: [Int], cost: Int) {
    report.evaluations += 1
    report.sampleEvaluations += cost
    let entries = entries
    report.samples.withUnsafeMutableBufferPointer { known in
      for sample in samples where entries[sample].isOpen { known[sample].evaluations += 1 }
    }
  }

  /// Counts a product with the Jacobian.
  func countProduct() { report.jacobianProducts += 1 }

  /// The number of evaluations that a sample may still take.
  func remaining(_ sample: Int) -> Int {
    rule.tolerance == nil ? .max : rule.limit - report.samples[sample].evaluations
  }

  /// Adds a remark about a sample to the report.
  func note(_ text: String, sample: Int) {
    let evaluation = report.samples[sample].evaluations
    report.samples[sample].remarks.append("evaluation \(evaluation): \(text)")
  }

  /// Ends a sample's solve; under a rule that measures no residual, no sample ends early.
  func settle(_ sample: Int, _ outcome: Outcome) {
    guard rule.tolerance != nil else { return }
    report.samples[sample].outcome = outcome
    if entries[sample].isOpen { openCount -= 1 }
    entries[sample].isOpen = false
  }

  /// Records an iterate.
  ///
  /// - Parameters:
  ///   - point: the iterate.
  ///   - slopes: |dF| / |dz| of each row, if the rule is one of accuracy.
  /// - Returns: the rows in which it is the best so far; none where residuals are not measured.
  /// - Throws: what the map throws, where a residual of 0 has to be looked at more closely.
  func record(_ point: Iterate, slopes: [Double]?) throws -> [Int] {
    defer { iterations += 1 }
    guard rule.tolerance != nil || rule.keepsTrace else { return [] }
    if rule.keepsTrace {
      for (row, sample) in point.map.samples.enumerated() where entries[sample].isOpen {
        report.samples[sample].trace.append(point.norms[row])
      }
    }
    guard let tolerance = rule.tolerance else { return [] }
    let accepted = try slopes.map { try acceptance(of: point, slopes: $0, tolerance) }
    let (samples, norms, imageNorms) = (point.map.samples, point.norms, point.imageNorms)
    let (iteration, rule, tolerated) = (iterations, rule, toleratedFailures)
    var improved: [Int] = []
    improved.reserveCapacity(samples.count)
    var settled: [(sample: Int, outcome: Outcome)] = []
    // Each array is accessed only once, because a batch may have tens of thousands of small
    // samples.
    entries.withUnsafeMutableBufferPointer { entries in
      report.samples.withUnsafeMutableBufferPointer { known in
        for (row, sample) in samples.enumerated() where entries[sample].isOpen {
          let isConverged =
            accepted?[row]
            ?? tolerance.accepts(
              residual: norms[row], imageNorm: imageNorms[row], largest: entries[sample].largest)
          let (isBest, failure) = entries[sample].judge(
            &known[sample], norms[row], imageNorms[row], isConverged: isConverged, at: iteration,
            by: rule, tolerated: tolerated)
          if isBest {
            improved.append(row)
            known[sample].slope = slopes?[row]
          }
          if isConverged {
            settled.append((sample, .converged))
          } else if let failure {
            settled.append((sample, failure))
          }
        }
      }
    }
    for (sample, outcome) in settled { settle(sample, outcome) }
    return improved
  }

  /// Whether a tolerance of distance accepts the iterate, in each of its rows that are open.
  ///
  /// - Throws: what the map throws, where a residual of 0 has to be looked at more closely.
  private func acceptance(
    of point: Iterate, slopes: [Double], _ tolerance: StoppingRule.Tolerance
  ) throws -> [Bool] {
    let (samples, norms, imageNorms) = (point.map.samples, point.norms, point.imageNorms)
    let entries = entries
    let (sizes, resolution) = (point.z.normsOfSamples, report.dtype.machineEpsilon)
    var accepted = samples.indices.map { row in
      entries[samples[row]].isOpen
        && tolerance.accepts(
          residual: norms[row], norm: sizes[row], slope: slopes[row],
          rounding: resolution * imageNorms[row])
    }
    let isZero = samples.indices.filter {
      entries[samples[$0]].isOpen && !accepted[$0] && norms[$0] == 0
    }
    guard !isZero.isEmpty else { return accepted }
    let isSolved = try point.isExactlySolved()
    for row in isZero { accepted[row] = isSolved[row] }
    return accepted
  }

  /// Records the number of steps through which the gradient of each sample goes.
  package func keep(differentiatedSteps steps: [Int]) {
    for (sample, steps) in steps.enumerated() {
      report.samples[sample].differentiatedSteps = steps
    }
  }
}
