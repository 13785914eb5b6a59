import Tensors

/// What an accelerated iteration does, sample by sample, when a step fails.
///
/// Extrapolation is not monotone: residuals may grow for some steps, and still lead to the solution
/// faster. But if the residual is not finite (because the step left the map's domain), a sample
/// returns to its last point; if it exceeds `growth` times the sample's best, to its best point.
/// From there it takes a damped step z + 2^-k g after k failures in succession, with an empty
/// memory.
struct Safeguard: Sendable, PerSample {
  /// The points from which a step starts.
  struct Start {
    /// The given points, or those to which samples returned.
    var point: Iterate
    /// Which samples returned; nil if none.
    var returned: [Bool]?
    /// The fraction of g that samples which returned add to their point.
    var fractions: [Double] = []

    /// `next`, or the damped step in the samples that returned.
    func select(_ next: Tensor) -> Tensor {
      guard let returned else { return next }
      return next.replacingSamples(
        returned, with: point.z.adding(point.residual, times: fractions))
    }
  }

  /// The number of successive failures that are answered by a shorter step.
  static let toleratedFailures = 6

  let growth: Double
  private var bestNorms: [Double] = []
  private var failures: [Int] = []
  private var best: KnownPoint?
  private var last: KnownPoint?

  init(growth: Double) { self.growth = growth }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&bestNorms)
    visitor.visit(&failures)
    visitor.visit(&best)
    visitor.visit(&last)
  }

  /// The point from which each sample continues, with its damped step if one is to be taken.
  mutating func start(_ iterate: Iterate) -> Start {
    let norms = iterate.norms
    let point = KnownPoint(iterate)
    let isFirst = best == nil
    if isFirst {
      failures = Array(repeating: 0, count: norms.count)
    } else if norms.indices.contains(where: { hasFailed(norms[$0], $0) }) {
      return returning(iterate, from: point)
    }
    if isFirst || norms.indices.allSatisfy({ isBetter(norms[$0], $0) }) {
      (best, bestNorms) = (point, norms)
    } else {
      keepBest(of: point, norms)
    }
    last = point
    for sample in failures.indices { failures[sample] = 0 }
    return Start(point: iterate)
  }

  private func hasFailed(_ norm: Double, _ sample: Int) -> Bool {
    !norm.isFinite || norm > growth * bestNorms[sample]
  }

  private func isBetter(_ norm: Double, _ sample: Int) -> Bool {
    norm < bestNorms[sample] || !bestNorms[sample].isFinite
  }

  private mutating func keepBest(of point: KnownPoint, _ norms: [Double]) {
    let improved = norms.indices.map { isBetter(norms[$0], $0) }
    best = best?.replacing(improved, with: point)
    for sample in norms.indices where improved[sample] { bestNorms[sample] = norms[sample] }
  }

  /// The points of which some go back.
  private mutating func returning(_ iterate: Iterate, from point: KnownPoint) -> Start {
    guard let best, let last else { return Start(point: iterate) }
    let norms = iterate.norms
    let returned = norms.indices.map { hasFailed(norms[$0], $0) }
    let lost = norms.map { !$0.isFinite }
    let astray = zip(returned, lost).map { $0 && !$1 }
    for sample in norms.indices { failures[sample] = returned[sample] ? failures[sample] + 1 : 0 }
    keepBest(of: point, norms)
    let start = point.replacing(lost, with: last).replacing(astray, with: best)
    self.last = start
    return Start(
      point: iterate.replacing(returned, with: start), returned: returned,
      fractions: failures.map { Double(sign: .plus, exponent: -$0, significand: 1) })
  }
}
