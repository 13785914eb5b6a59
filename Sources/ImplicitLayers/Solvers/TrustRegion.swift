import Tensors

/// How far quasi-Newton directions p are followed, sample by sample, and where H is to learn more.
///
/// While all goes well every step is a full one and is accepted: residuals of Broyden's method rise
/// now and then and are the better for it. `StepControl` says when a sample is no longer trusted and
/// what it does then. Trial points and probes are the iterates of the ordinary loop, one for every
/// sample at each step, so that what a sample learns does not depend on the others.
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

  private let growth: Double
  private let memory: Int
  private(set) var points: SearchPoints?
  private var step: Tensor?
  private var samples: [StepControl] = []

  /// A region for every sample.
  ///
  /// - Parameters:
  ///   - growth: the residual, relative to its best, above which a sample is no longer trusted.
  ///   - memory: unknowns are probed only where there are fewer.
  init(growth: Double, memory: Int) { (self.growth, self.memory) = (growth, memory) }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&points)
    visitor.visit(&step)
    visitor.visit(&samples)
  }

  /// Judges the point that the last step led to; nil for the first.
  mutating func judge(_ point: Iterate) -> Trial? {
    guard let step else {
      points = SearchPoints(point)
      samples = zip(point.norms, point.imageNorms).map { StepControl(norm: $0, imageNorm: $1) }
      return nil
    }
    let unknowns = point.z.shape[1]
    var isBest = samples.map { _ in false }
    let verdicts = point.norms.enumerated().map { row, norm in
      let best = samples[row].best
      let verdict = samples[row].judge(
        norm, imageNorm: point.imageNorms[row], noise: point.noise[row], growth: growth,
        probes: unknowns < memory ? unknowns : 0)
      isBest[row] = samples[row].best < best
      return verdict
    }
    let trial = Trial(
      step: step, isInformative: verdicts.map(\.isInformative),
      isAccepted: verdicts.map { $0.move == .accepted },
      hasReturned: verdicts.map { $0.move == .returned })
    points?.update(
      point, isBest: isBest, isAccepted: trial.isAccepted, hasReturned: trial.hasReturned)
    return trial
  }

  /// The next point to evaluate: along p, or a probe.
  mutating func next(along p: Tensor) -> Tensor {
    guard let base = points?.base else {
      callerMistake("a trust region has a point to start from")
    }
    let lengths = p.normsOfSamples
    let fractions = samples.indices.map { samples[$0].fraction(ofLength: lengths[$0]) }
    // Scaled even by 1: where gradients are added up, and in which order, must not depend on others.
    let step = probing(p.scalingSamples(by: fractions))
    self.step = step
    return base + step
  }

  /// h e_i in the samples that probe unknown i: h is half as many digits as the dtype has, so that
  /// the difference of residuals has as many.
  private func probing(_ step: Tensor) -> Tensor {
    let isProbing = samples.map { $0.probe != nil }
    guard isProbing.contains(true), let sizes = points?.base.normsOfSamples else { return step }
    var entries = [Double](repeating: 0, count: step.count)
    for (row, sample) in samples.enumerated() {
      guard let unknown = sample.probe else { continue }
      entries[row * step.shape[1] + unknown] =
        step.dtype.machineEpsilon.squareRoot() * max(sizes[row], 0.01)
    }
    return step.replacingSamples(
      isProbing, with: Tensor(entries, shape: step.shape, dtype: step.dtype))
  }
}
