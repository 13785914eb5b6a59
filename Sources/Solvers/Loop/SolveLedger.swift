import Tensors

/// The records of a solve, sample by sample: its cost, the progress of each sample, the place of
/// its best iterate, and how it ended.
package final class SolveLedger {
  /// The records of a sample that change with every iterate; the report gets them when it is asked for.
  ///
  /// Together they take a few lines of the cache, however much the report holds.
  private struct Entry {
    var isOpen = true
    var evaluations = 0
    /// |f(z) - z| of its best iterate; before the first one what the report says.
    var residual: Double
    /// |f(z)| of its best iterate; NaN before the first one.
    var imageNorm = Double.nan
    /// The number of its best iterate; 0 for the first iterate.
    var bestIterate = 0
    /// The largest residual so far, and |f(z)| of the first iterate that has one.
    var largest = 0.0
    var firstImageNorm = 0.0
    var watch = Watch()

    /// The residual divided by |f(z)|, where that is not 0.
    var relativeResidual: Double {
      imageNorm.isNaN ? .nan : imageNorm > 0 ? residual / imageNorm : residual
    }

    /// Records a point.
    ///
    /// - Returns: whether the point is the sample's best one, and how the sample has failed, if it
    ///   has.
    mutating func judge(
      _ residual: Double, _ imageNorm: Double, isConverged: Bool, at iteration: Int,
      by rule: StoppingRule, tolerated: Int?
    ) -> (isBest: Bool, failure: Outcome?) {
      if residual.isFinite {
        if largest == 0, imageNorm.isFinite { firstImageNorm = imageNorm }
        largest = max(largest, residual)
      }
      // The point that is returned is the one that passed the test.
      let isBest = residual < self.residual || isConverged
      if isBest {
        (self.residual, self.imageNorm, bestIterate) = (residual, imageNorm, iteration)
      }
      let failure = tolerated.flatMap {
        watch.judge(
          residual: residual, imageNorm: imageNorm, patience: rule.patience, tolerated: $0)
      }
      let isLast = evaluations >= rule.limit
      return (
        isBest, failure ?? (isLast ? residual.isFinite ? .limitReached : .nonFinite : nil)
      )
    }
  }

  let rule: StoppingRule
  /// The number of successive failures after which a sample is given up; nil if the solver judges
  /// failures itself.
  private let toleratedFailures: Int?
  // Each access to a variable of an object is checked at run time for overlap with another one, several
  // times in an iteration. These variables are the ledger's own, and it calls nobody while it changes one.
  @exclusivity(unchecked) private var known: SolveReport
  @exclusivity(unchecked) private var entries: [Entry]
  /// The number of samples that are not settled.
  @exclusivity(unchecked) private(set) var openCount: Int
  /// The iterations so far: evaluations of iterates, without those for derivatives.
  @exclusivity(unchecked) package private(set) var iterations = 0

  init(from initial: Tensor, until rule: StoppingRule, by solver: some ForwardSolver) {
    self.rule = rule
    toleratedFailures = solver.judgesFailures ? nil : solver.toleratedFailures
    openCount = initial.shape[0]
    known = SolveReport(batch: openCount, dtype: initial.dtype, rule: rule, solver: solver)
    entries = known.samples.map { Entry(residual: $0.residual) }
    // The norms of a state in parts are sums that all processes take part in, or none.
    guard rule.tolerance != nil,
      StateSharding.current != nil || initial.firstNonFiniteIndex != nil
    else { return }
    for (sample, norm) in initial.normsOfSamples.enumerated() where !norm.isFinite {
      settle(sample, .nonFinite)
    }
  }

  private init(copying other: SolveLedger) {
    (rule, toleratedFailures, known) = (other.rule, other.toleratedFailures, other.known)
    (entries, openCount, iterations) = (other.entries, other.openCount, other.iterations)
  }

  /// Another ledger with the same content, for a part of the solve that is run once more.
  func copy() -> SolveLedger { SolveLedger(copying: self) }

  /// What has happened so far.
  var report: SolveReport {
    let entries = entries
    known.samples.withUnsafeMutableBufferPointer { samples in
      for (sample, entry) in entries.enumerated() {
        samples[sample].evaluations = entry.evaluations
        samples[sample].residual = entry.residual
        samples[sample].relativeResidual = entry.relativeResidual
      }
    }
    return known
  }

  /// Whether a sample is not settled.
  func isOpen(_ sample: Int) -> Bool { entries[sample].isOpen }

  /// The rows of some samples that are not settled, and those that are.
  func rows(of samples: [Int]) -> (open: [Int], settled: [Int]) {
    var settled: [Int] = []
    let open = [Int](unsafeUninitializedCapacity: samples.count) { open, count in
      for (row, sample) in samples.enumerated() {
        if entries[sample].isOpen {
          open[count] = row
          count += 1
        } else {
          settled.append(row)
        }
      }
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
    known.evaluations += 1
    known.sampleEvaluations += cost
    entries.withUnsafeMutableBufferPointer { entries in
      for sample in samples where entries[sample].isOpen { entries[sample].evaluations += 1 }
    }
  }

  /// Counts a product with the Jacobian.
  func countProduct() { known.jacobianProducts += 1 }

  /// The number of evaluations that a sample may still take.
  func remaining(_ sample: Int) -> Int {
    rule.tolerance == nil ? .max : rule.limit - entries[sample].evaluations
  }

  /// Adds a remark about a sample to the report.
  func note(_ text: String, sample: Int) {
    known.samples[sample].remarks.append("evaluation \(entries[sample].evaluations): \(text)")
  }

  /// Ends a sample's solve; under a rule that measures no residual, no sample ends early.
  func settle(_ sample: Int, _ outcome: Outcome) {
    guard rule.tolerance != nil else { return }
    known.samples[sample].outcome = outcome
    if entries[sample].isOpen { openCount -= 1 }
    entries[sample].isOpen = false
  }

  /// Records an iterate.
  ///
  /// - Parameters:
  ///   - point: the iterate.
  ///   - slopes: |dF| / |dz| of each row, if the rule is one of accuracy.
  /// - Returns: the rows in which it is the best so far, nil for all of them; none where residuals are not
  ///   measured.
  /// - Throws: what the map throws, where a residual of 0 has to be looked at more closely.
  func record(_ point: Iterate, slopes: [Double]?) throws -> [Int]? {
    defer { iterations += 1 }
    guard rule.tolerance != nil || rule.keepsTrace else { return [] }
    let (samples, norms) = (point.map.samples, point.norms)
    if rule.keepsTrace {
      for (row, sample) in samples.enumerated() where entries[sample].isOpen {
        known.samples[sample].trace.append(norms[row])
      }
    }
    guard let tolerance = rule.tolerance else { return [] }
    let accepted = try slopes.map { try acceptance(of: point, slopes: $0, tolerance) }
    let imageNorms = point.imageNorms
    let (iteration, rule, tolerated) = (iterations, rule, toleratedFailures)
    // As most points are better than the one before, a list is made for the first that is not.
    var improved: [Int]?
    var settled: [(sample: Int, outcome: Outcome)] = []
    // The array is accessed only once, because a batch may have tens of thousands of small samples.
    entries.withUnsafeMutableBufferPointer { entries in
      for (row, sample) in samples.enumerated() {
        guard entries[sample].isOpen else {
          if improved == nil { improved = Array(0..<row) }
          continue
        }
        let isConverged =
          accepted?[row]
          ?? tolerance.accepts(
            residual: norms[row], imageNorm: imageNorms[row], largest: entries[sample].largest,
            first: entries[sample].firstImageNorm)
        let (isBest, failure) = entries[sample].judge(
          norms[row], imageNorms[row], isConverged: isConverged, at: iteration, by: rule,
          tolerated: tolerated)
        if isBest {
          improved?.append(row)
        } else if improved == nil {
          improved = Array(0..<row)
        }
        if isConverged {
          settled.append((sample, .converged))
        } else if let failure {
          settled.append((sample, failure))
        }
      }
    }
    if let slopes {
      for row in improved ?? Array(samples.indices) {
        known.samples[samples[row]].slope = slopes[row]
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
    let (sizes, resolution) = (point.z.normsOfSamples, known.dtype.machineEpsilon)
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
      known.samples[sample].differentiatedSteps = steps
    }
  }
}
