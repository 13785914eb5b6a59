import Tensors

/// How much F(z) = z - f(z) changes with z near the points of a solve, |dF| / |dz|, sample by sample.
///
/// |F| divided by this slope estimates how far z is from a zero of F, whatever the units of F are.
/// At the first point the slope is |(I - J^T) F| / |F|, because the zero of the linear model of F
/// is no nearer than |F|^2 / |(I - J^T) F|. For a solver that takes no derivatives it is the slope
/// of a short chord along -F, so that f is only evaluated; if the predicted step is shorter than
/// the chord, F may have bent on the way, and the lesser slope of the chords to both sides counts.
/// A first slope is not used if it is not finite, or if the step that it predicts is not small
/// compared with z: at 1e-10 the logarithm is -23 and its slope 1e10, which predicts a zero 2.3e-9
/// away, and not at 1. Only if the step is no longer than the accuracy that is asked for, as near a
/// solution at 0, chords of that length to both sides decide: there the logarithm changes by 5 and
/// not by 23, while x^3 + x changes as its slope says. The least of the slopes then counts.
///
/// After that it is the least of the last three slopes: of chords, and of the first one as long as there
/// are fewer. Each chord leads from a sample's
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
  /// Whether there is a chord between iterates, or one as long as the accuracy that is asked for.
  private var hasChord: [Bool] = []
  /// The accuracy that is asked for.
  private let tolerance: StoppingRule.Tolerance
  /// Whether the first slope is that of a product with the Jacobian.
  private let isByProduct: Bool

  init(for tolerance: StoppingRule.Tolerance, isByProduct: Bool) {
    (self.tolerance, self.isByProduct) = (tolerance, isByProduct)
  }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&best)
    visitor.visit(&norms)
    visitor.visit(&recent, width: Self.kept)
    visitor.visit(&hasChord)
  }

  /// Records an iterate.
  ///
  /// - Returns: the slope in each of its rows; NaN where none is known.
  /// - Complexity: at the first iterate a linearisation of f and a product, or one to four
  ///   evaluations; two to four more of a start that only chords of the length of the accuracy can
  ///   judge.
  mutating func slopes(at iterate: Iterate) throws -> [Double] {
    let point = iterate.detached()
    guard let best else {
      (best, norms) = (KnownPoint(point), point.norms)
      recent = try withoutRecording { try firstSlopes(at: point) }
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
      hasChord[row] = true
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
      return hasChord[row] || point.norms[row] <= 0.1 * slope * sizes[row] ? slope : .nan
    }
  }

  /// The slopes at the first point, NaN where none is known; those of chords as long as the accuracy
  /// where these decide.
  private mutating func firstSlopes(at point: Iterate) throws -> [Double] {
    let isZero = point.norms.map { $0 == 0 }
    let ones = Tensor.ones(point.z.shape, dtype: point.z.dtype)
    let residuals = point.residual.scalingSamples(by: point.norms.map { $0 > 0 ? 1 / $0 : 1 })
      .replacingSamples(isZero, with: ones)
    let direction = residuals.scalingSamples(by: residuals.normsOfSamples.map { 1 / $0 })
    var slopes = try initialSlopes(at: point, along: direction).map { $0.isFinite ? $0 : .nan }
    let (norms, sizes) = (point.norms, point.z.normsOfSamples)
    let lengths = sizes.indices.map { row in
      let accuracy = tolerance.absolute + tolerance.relative * sizes[row]
      let isUndecided =
        norms[row] > 0.1 * slopes[row] * sizes[row] && norms[row] <= slopes[row] * accuracy
      return isUndecided ? accuracy : 0
    }
    hasChord = lengths.map { $0 > 0 }
    guard hasChord.contains(true) else { return slopes }
    let forward = try chordSlopes(at: point, along: direction, lengths)
    let backward = try chordSlopes(at: point, along: direction, lengths.map { -$0 })
    for row in slopes.indices where hasChord[row] {
      let chord = Double.minimum(forward[row], backward[row])
      slopes[row] = chord.isNaN ? .nan : min(slopes[row], chord)
    }
    return slopes
  }

  /// |(I - J^T) v| or the slope along v, |v| = 1.
  private func initialSlopes(at point: Iterate, along direction: Tensor) throws -> [Double] {
    guard isByProduct else { return try chordSlopes(at: point, along: direction) }
    let near = try point.map.linearization(at: point.z)
    return try (direction - near.pullback(direction)).normsOfSamples
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
      size.isFinite && norm.isFinite ? share * max(size, tolerance.sizeAtZero) : 0
    }
    let forward = try chordSlopes(at: point, along: direction, lengths)
    let mayBend = forward.indices.map { point.norms[$0] < forward[$0] * lengths[$0] }
    guard mayBend.contains(true) else { return forward }
    let backward = try chordSlopes(at: point, along: direction, lengths.map { -$0 })
    return forward.indices.map {
      mayBend[$0] ? .minimum(forward[$0], backward[$0]) : forward[$0]
    }
  }

  /// |F(z + h v) - F(z)| / |h| for h of each sample; NaN where the difference is rounding, or h is 0.
  private func chordSlopes(
    at point: Iterate, along direction: Tensor, _ lengths: [Double]
  ) throws -> [Double] {
    let end = point.z.adding(
      direction.keepingSamples(lengths.map { $0 != 0 }), times: lengths)
    let steps = (end - point.z).normsOfSamples
    let value = try point.map.equation(at: end)
    let changes = (value + point.residual).normsOfSamples
    let noise = point.noise
    let isNoise = changes.indices.map { lengths[$0] != 0 && !(changes[$0] > 4 * noise[$0]) }
    if isNoise.contains(true), point.map.knowsEquation {
      // z - F(z) has lost the digits of a small F.
      let exact = try (value - point.map.equation(at: point.z)).normsOfSamples
      return zip(exact, steps).map { $0 / $1 }
    }
    return changes.indices.map { isNoise[$0] ? .nan : changes[$0] / steps[$0] }
  }
}
