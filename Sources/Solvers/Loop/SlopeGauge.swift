import Tensors

/// How much F(z) = z - f(z) changes with z near the points of a solve, |dF| / |dz|, sample by sample.
///
/// |F| divided by it is an estimate of how far z is from where F is 0, whatever the units of F. At the
/// first point it is |(I - J^T) F| / |F|: the |F| at which the linear model of F is 0 is no nearer than
/// |F|^2 / |(I - J^T) F|. From then on it is the least of the last three slopes of chords, each from a
/// sample's best point so far to the next better one, as long as F changes by more than rounding: steps in
/// succession go in different directions, and what is left of F may be due to one in which F changes
/// little. Chords to worse points count for nothing: a step that was too long has seen slopes that are not
/// those near the solution.
struct SlopeGauge: PerSample, Sendable {
  private var best: KnownPoint?
  private var norms: [Double] = []
  /// `kept` slopes of each sample, the newest first.
  private var recent: [Double] = []
  private static let kept = 3

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&best)
    visitor.visit(&norms)
    visitor.visit(&recent, width: Self.kept)
  }

  /// Takes note of an iterate.
  ///
  /// - Returns: the slope in each of its rows; NaN where none is known.
  /// - Complexity: at the first iterate a linearisation of f and a product.
  mutating func slopes(at iterate: Iterate) throws -> [Double] {
    let point = iterate.detached()
    guard let best else {
      (best, norms) = (KnownPoint(point), point.norms)
      recent = try withoutRecording { try initialSlopes(at: point) }
        .flatMap { Array(repeating: $0, count: Self.kept) }
      return least
    }
    let isBetter = zip(point.norms, norms).map { $0.isFinite && !($1 <= $0) }
    guard isBetter.contains(true) else { return least }
    let steps = (point.z - best.z).normsOfSamples
    let changes = (point.residual - best.residual).normsOfSamples
    let noise = point.noise
    for row in isBetter.indices where isBetter[row] {
      norms[row] = point.norms[row]
      guard changes[row] > 4 * noise[row] else { continue }
      let kept = row * Self.kept..<(row + 1) * Self.kept
      recent.replaceSubrange(kept, with: [changes[row] / steps[row]] + recent[kept].dropLast())
    }
    self.best = best.replacing(isBetter, with: KnownPoint(point))
    return least
  }

  /// The least that is known of each sample.
  private var least: [Double] {
    stride(from: 0, to: recent.count, by: Self.kept).map { start in
      recent[start..<start + Self.kept].reduce(.nan, Double.minimum)
    }
  }

  /// |(I - J^T) v| / |v|, v = F, or 1 in all entries where F is 0.
  private func initialSlopes(at point: Iterate) throws -> [Double] {
    let isZero = point.norms.map { $0 == 0 }
    let ones = Tensor.ones(point.z.shape, dtype: point.z.dtype)
    let direction = point.residual.scalingSamples(by: point.norms.map { $0 > 0 ? 1 / $0 : 1 })
      .replacingSamples(isZero, with: ones)
    let product = try direction - point.map.linearization(at: point.z).pullback(direction)
    return zip(product.normsOfSamples, direction.normsOfSamples).map { $0 / $1 }
  }
}
