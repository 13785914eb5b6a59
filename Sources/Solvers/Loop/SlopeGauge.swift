import Tensors

/// How much F(z) = z - f(z) changes with z near the points of a solve, |dF| / |dz|, sample by sample.
///
/// |F| divided by it is an estimate of how far z is from where F is 0, whatever the units of F. At the
/// first point it is |(I - J^T) F| / |F|: the |F| at which the linear model of F is 0 is no nearer than
/// |F|^2 / |(I - J^T) F|. From then on it is the slope of the chord from each sample's best point so far to
/// the next better one, as long as F changes by more than rounding. Chords to worse points count for
/// nothing: a step that was too long has seen slopes that are not those near the solution.
struct SlopeGauge: PerSample, Sendable {
  private var best: KnownPoint?
  private var norms: [Double] = []
  private var slopes: [Double] = []

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&best)
    visitor.visit(&norms)
    visitor.visit(&slopes)
  }

  /// Takes note of an iterate.
  ///
  /// - Returns: the slope in each of its rows; NaN where none is known.
  /// - Complexity: at the first iterate a linearisation of f and a product.
  mutating func slopes(at iterate: Iterate) throws -> [Double] {
    let point = iterate.detached()
    guard let best else {
      (best, norms) = (KnownPoint(point), point.norms)
      slopes = try withoutRecording { try initialSlopes(at: point) }
      return slopes
    }
    let isBetter = zip(point.norms, norms).map { $0.isFinite && !($1 <= $0) }
    guard isBetter.contains(true) else { return slopes }
    let steps = (point.z - best.z).normsOfSamples
    let changes = (point.residual - best.residual).normsOfSamples
    let noise = point.noise
    for row in isBetter.indices where isBetter[row] {
      norms[row] = point.norms[row]
      if changes[row] > 4 * noise[row] { slopes[row] = changes[row] / steps[row] }
    }
    self.best = best.replacing(isBetter, with: KnownPoint(point))
    return slopes
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
