import Tensors

/// How much F(z) = z - f(z) changes with z near the points of a solve, |dF| / |dz|, sample by sample.
///
/// |F| divided by this slope estimates how far z is from a zero of F, whatever the units of F are.
/// At the first point the slope is |(I - J^T) F| / |F|, because the zero of the linear model of F
/// is no nearer than |F|^2 / |(I - J^T) F|. For a solver that takes no derivatives it is the slope
/// of a short chord along -F, so that f is only evaluated; if the predicted step is shorter than
/// the chord, F may have bent on the way, and the lesser slope of the chords to both sides counts.
/// A first slope is not used if it is not finite, or if the step that it predicts is not small
/// compared with z: near 0 the logarithm is so steep that each step seems small.
///
/// After that it is the least of the last three slopes of chords. Each chord leads from a sample's
/// best point so far to the next better one, and is used if F changes by more than rounding.
/// Several chords are needed because successive steps go in different directions, and what is left
/// of F may belong to a direction in which F changes little. Chords to worse points do not count: a
/// step that was too long has seen slopes that differ from those near the solution.
struct SlopeGauge: PerSample, Sendable {
  private var best: KnownPoint?
  private var norms: [Double] = []
  /// `kept` slopes of each sample, the newest first.
  private var recent: [Double] = []
  private static let kept = 3
  /// The size of a state at 0, beside which a chord is short.
  private let size: Double
  /// Whether the first slope is that of a product with the Jacobian.
  private let isByProduct: Bool

  init(size: Double, isByProduct: Bool) { (self.size, self.isByProduct) = (size, isByProduct) }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&best)
    visitor.visit(&norms)
    visitor.visit(&recent, width: Self.kept)
  }

  /// Records an iterate.
  ///
  /// - Returns: the slope in each of its rows; NaN where none is known.
  /// - Complexity: at the first iterate a linearisation of f and a product, or an evaluation, four at most.
  mutating func slopes(at iterate: Iterate) throws -> [Double] {
    let point = iterate.detached()
    guard let best else {
      (best, norms) = (KnownPoint(point), point.norms)
      recent = try withoutRecording { try initialSlopes(at: point) }
        .flatMap { [$0] + Array(repeating: .nan, count: Self.kept - 1) }
      return known(at: point)
    }
    let isBetter = zip(point.norms, norms).map { $0.isFinite && !($1 <= $0) }
    guard isBetter.contains(true) else { return known(at: point) }
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
    return known(at: point)
  }

  /// The least slope that is known of each sample; NaN if there is no chord yet and the first slope
  /// cannot be relied on.
  private func known(at point: Iterate) -> [Double] {
    let sizes = point.z.normsOfSamples
    return sizes.indices.map { row in
      let kept = recent[row * Self.kept..<(row + 1) * Self.kept]
      let slope = kept.reduce(.nan, Double.minimum)
      let hasChord = !kept[kept.startIndex + 1].isNaN
      return hasChord || point.norms[row] <= 0.1 * slope * sizes[row] ? slope : .nan
    }
  }

  /// |(I - J^T) v| / |v| or the slope along v, v = -F, or 1 in all entries where F is 0.
  private func initialSlopes(at point: Iterate) throws -> [Double] {
    let isZero = point.norms.map { $0 == 0 }
    let ones = Tensor.ones(point.z.shape, dtype: point.z.dtype)
    let direction = point.residual.scalingSamples(by: point.norms.map { $0 > 0 ? 1 / $0 : 1 })
      .replacingSamples(isZero, with: ones)
    let lengths = direction.normsOfSamples
    let slopes =
      isByProduct
      ? zip(
        try (direction - point.map.linearization(at: point.z).pullback(direction)).normsOfSamples,
        lengths
      ).map { $0 / $1 }
      : try chordSlopes(at: point, along: direction.scalingSamples(by: lengths.map { 1 / $0 }))
    return slopes.map { $0.isFinite ? $0 : .nan }
  }

  /// The slope of the chord to z + h v; of a sample of which it predicts a step shorter than h, the
  /// lesser of it and the slope to z - h v.
  ///
  /// h is a third of the digits of z, so that as many are left of the slope where f bends and where it is
  /// rounded. NaN where the difference is rounding.
  private func chordSlopes(at point: Iterate, along direction: Tensor) throws -> [Double] {
    let third = point.z.dtype.machineEpsilon.exponent / 3
    let share = Double(sign: .plus, exponent: third, significand: 1)
    // Where z or F(z) is not finite, h is 0: F is then evaluated once more at z itself.
    let lengths = zip(point.z.normsOfSamples, point.norms).map { size, norm in
      size.isFinite && norm.isFinite ? share * max(size, self.size) : 0
    }
    let forward = try chordSlopes(at: point, along: direction, lengths)
    let mayBend = forward.indices.map { point.norms[$0] < forward[$0] * lengths[$0] }
    guard mayBend.contains(true) else { return forward }
    let backward = try chordSlopes(at: point, along: direction, lengths.map { -$0 })
    return forward.indices.map {
      mayBend[$0] ? .minimum(forward[$0], backward[$0]) : forward[$0]
    }
  }

  /// |F(z + h v) - F(z)| / |h| for h of each sample; NaN where the difference is rounding.
  private func chordSlopes(
    at point: Iterate, along direction: Tensor, _ lengths: [Double]
  ) throws -> [Double] {
    let end = point.z.adding(
      direction.keepingSamples(lengths.map { $0 != 0 }), times: lengths)
    let steps = (end - point.z).normsOfSamples
    let value = try point.map.equation(at: end)
    let changes = (value + point.residual).normsOfSamples
    let isNoise = zip(changes, point.noise).map { !($0 > 4 * $1) }
    if isNoise.contains(true), point.map.knowsEquation {
      // z - F(z) has lost the digits of a small F.
      let exact = try (value - point.map.equation(at: point.z)).normsOfSamples
      return zip(exact, steps).map { $0 / $1 }
    }
    return changes.indices.map { isNoise[$0] ? .nan : changes[$0] / steps[$0] }
  }
}
