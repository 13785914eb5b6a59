import Tensors

/// What an accelerated iteration falls back on, sample by sample, when a step goes astray.
///
/// Extrapolation is not monotone: residuals may grow for some steps and be the better for it. But
/// where the residual is not finite (the step left the map's domain), a sample returns to its last
/// point, and where it exceeds `growth` times the sample's best, to its best point; from there it
/// takes a damped step z + 2^-k g after k failures in succession, with nothing remembered.
struct Safeguard: Sendable {
  typealias Point = (z: Tensor, residual: Tensor)

  /// What a step starts from.
  struct Start {
    /// z and f(z) - z, [batch, n]: those given, or those that a sample returned to.
    var z: Tensor
    var residual: Tensor
    /// Which samples returned; nil if none.
    var returned: [Bool]?
    /// The damped step of the samples that returned.
    var fallback: Tensor

    /// `next`, or the damped step in the samples that returned.
    func select(_ next: Tensor) -> Tensor {
      returned.map { Tensor.selectSamples($0, fallback, next) } ?? next
    }
  }

  let growth: Double
  private var bestNorms: [Double] = []
  private var failures: [Int] = []
  /// The point of least residual so far; nil before the first.
  private(set) var best: Point?
  private var last: Point?

  init(growth: Double) { self.growth = growth }

  /// The point to go on from, in each sample.
  ///
  /// - Parameters:
  ///   - z: the iterate, [batch, n].
  ///   - residual: f(z) - z, [batch, n].
  ///   - norms: of the residual, one per sample.
  /// - Returns: the given point, or what a sample returned to, with its damped step.
  mutating func start(_ z: Tensor, residual: Tensor, norms: [Double]) -> Start {
    guard let best, let last else {
      (self.best, self.last) = ((z, residual), (z, residual))
      bestNorms = norms
      failures = Array(repeating: 0, count: norms.count)
      return Start(z: z, residual: residual, returned: nil, fallback: z)
    }
    let (bound, bests) = (growth, bestNorms)
    let isAstray = { norms[$0] > bound * bests[$0] }
    let isBetter = { norms[$0] < bests[$0] || !bests[$0].isFinite }
    let isFine = norms.indices.allSatisfy { norms[$0].isFinite && !isAstray($0) }
    if isFine, norms.indices.allSatisfy(isBetter) {
      (self.best, self.last) = ((z, residual), (z, residual))
      bestNorms = norms
      for sample in norms.indices { failures[sample] = 0 }
      return Start(z: z, residual: residual, returned: nil, fallback: z)
    }
    let lost = norms.map { !$0.isFinite }
    let astray = norms.indices.map { norms[$0].isFinite && isAstray($0) }
    let improved = norms.indices.map(isBetter)
    for sample in norms.indices {
      failures[sample] = lost[sample] || astray[sample] ? failures[sample] + 1 : 0
      if improved[sample] { bestNorms[sample] = norms[sample] }
    }
    self.best = replacing(best, improved, with: (z, residual))
    let finite = replacing((z, residual), lost, with: last)
    let start = replacing(finite, astray, with: best)
    self.last = start
    guard !isFine else { return Start(z: z, residual: residual, returned: nil, fallback: z) }
    let damping = failures.map { $0 == 0 ? 0 : Double(sign: .plus, exponent: -$0, significand: 1) }
    return Start(
      z: start.z, residual: start.residual, returned: zip(lost, astray).map { $0 || $1 },
      fallback: start.z.adding(start.residual, times: damping))
  }

  private func replacing(_ point: Point, _ mask: [Bool], with other: Point) -> Point {
    guard mask.contains(true) else { return point }
    return (
      point.z.replacingSamples(mask, with: other.z),
      point.residual.replacingSamples(mask, with: other.residual)
    )
  }

  /// The best and the last point with their residuals, if there are any yet; setting exchanges
  /// them.
  var tensors: [Tensor] {
    get { [best, last].compactMap { $0 }.flatMap { [$0.z, $0.residual] } }
    set {
      guard newValue.count == 4 else { return }
      (best, last) = ((newValue[0], newValue[1]), (newValue[2], newValue[3]))
    }
  }

  /// The safeguard of the samples at the given positions.
  func samples(_ positions: [Int]) -> Safeguard {
    var result = self
    guard let best, let last else { return result }
    result.bestNorms = positions.map { bestNorms[$0] }
    result.failures = positions.map { failures[$0] }
    result.best = (best.z.samples(positions), best.residual.samples(positions))
    result.last = (last.z.samples(positions), last.residual.samples(positions))
    return result
  }

  /// How many failures in succession are answered by a shorter step.
  static let toleratedFailures = 6
}
