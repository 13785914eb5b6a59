import Tensors

/// When the steps of a method are no longer trusted, and what a doubted step has to achieve.
struct StepPolicy: Sendable {
  /// The residual, relative to the best, above which a sample is no longer trusted.
  var growth = Double.infinity
  /// The number of successive steps that may bring no new best.
  let excursion: Int
  /// How many updates of J the method remembers, if it learns J from its steps; 0 where it knows J.
  var memory = 0
}

/// How far directions p are followed, sample by sample, and where a method learns from additional
/// points.
///
/// While all goes well every step is a full one and is accepted: the way to a solution may lead
/// uphill for a while and be the better for it. `StepControl` says when a sample is no longer trusted
/// and what it does then. Trial points and probes are the iterates of the ordinary loop, one for
/// every sample at each step, so that what becomes of a sample does not depend on the others.
struct TrustRegion: PerSample, Sendable {
  /// A step that has been evaluated.
  struct Trial {
    /// s: the point is `base` + s.
    let step: Tensor
    /// Whether H is to learn from it, the next step starts from it, or from the best point.
    let isInformative: [Bool], isAccepted: [Bool], hasReturned: [Bool]
  }

  /// Eighteen shortenings by ten at least lead from the longest step to the shortest.
  static let toleratedFailures = 24

  private let policy: StepPolicy
  /// The points from which the samples take their next step, and their best points, to which they
  /// may return.
  private(set) var base: KnownPoint?
  private var best: KnownPoint?
  private var step: Tensor?
  private var samples: [StepControl] = []

  init(_ policy: StepPolicy) { self.policy = policy }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&base)
    visitor.visit(&best)
    visitor.visit(&step)
    visitor.visit(&samples)
  }

  /// |g| at the point that each sample starts from; none before the first.
  var norms: [Double] { samples.map(\.norm) }

  /// Judges the point that the last step led to; nil for the first.
  mutating func judge(_ point: Iterate) -> Trial? {
    let here = KnownPoint(point)
    guard let step, let base, let best else {
      (self.base, self.best) = (here, here)
      samples = zip(point.norms, point.imageNorms).map { StepControl(norm: $0, imageNorm: $1) }
      return nil
    }
    var isBest = samples.map { _ in false }
    let verdicts = samples.indices.map { row in
      let best = samples[row].best
      defer { isBest[row] = samples[row].best < best }
      return samples[row].judge(point, row: row, by: policy)
    }
    let trial = Trial(
      step: step, isInformative: verdicts.map(\.isInformative),
      isAccepted: verdicts.map { $0.move == .accepted },
      hasReturned: verdicts.map { $0.move == .returned })
    let newBest = best.replacing(isBest, with: here, isFixed: true)
    self.best = newBest
    self.base = base.replacing(trial.isAccepted, with: here, isFixed: true)
      .replacing(trial.hasReturned, with: newBest, isFixed: true)
    return trial
  }

  /// The next point to evaluate: along p, or a probe.
  mutating func next(along p: Tensor) -> Tensor {
    guard let base else {
      callerMistake("a trust region has a point to start from")
    }
    let p = p.replacingSamples(samples.map(\.isPlain), with: base.residual)
    let lengths = p.normsOfSamples
    let fractions = samples.indices.map { samples[$0].fraction(ofLength: lengths[$0]) }
    // Scaled even by 1: where gradients are added up, and in which order, must not depend on others.
    let step = probing(p.scalingSamples(by: fractions), base.z)
    self.step = step
    return base.z + step
  }

  /// h e_i in the samples that probe unknown i: h is half as many digits as the dtype has, so that
  /// the difference of residuals has as many.
  private func probing(_ step: Tensor, _ base: Tensor) -> Tensor {
    let isProbing = samples.map { $0.probe != nil }
    guard isProbing.contains(true) else { return step }
    let (sizes, n) = (base.normsOfSamples, step.shape[1])
    var entries = [Double](repeating: 0, count: step.count)
    for (row, sample) in samples.enumerated() {
      guard let unknown = sample.probe else { continue }
      entries[row * n + unknown] =
        step.dtype.machineEpsilon.squareRoot() * max(sizes[row], 0.01)
    }
    return step.replacingSamples(
      isProbing, with: Tensor(entries, shape: step.shape, dtype: step.dtype))
  }
}
