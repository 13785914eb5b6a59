import Tensors

/// How far descent directions are followed, sample by sample, so that a loss L falls.
///
/// A step a p is accepted where L falls by 1e-4 a of what the slope dL/dx p promises (Armijo), or, where
/// L changes by no more than rounding, where |dL/dx| does not grow (Hager and Zhang 2005). Otherwise it
/// is tried again with a shorter length: that at which the parabola with L and its slope where the step
/// began, and L where it ended, is least, but in [.1, .5] of the length before. Trial points are the
/// iterates of the ordinary loop, so they count as evaluations
/// ([why](../../../Docs/Explanation/Decisions/DescentInTheLoop.md)).
struct Descent: PerSample, Sendable {
  /// More shortenings than there are digits.
  static let toleratedFailures = 24

  /// Where each sample descends from; the residual there is -dL/dx.
  private(set) var base: KnownPoint?
  private var direction: Tensor?
  private var samples: [Sample] = []

  private struct Sample: Sendable {
    var loss: Double
    var norm: Double
    var slope = 0.0
    var length = 1.0
  }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&base)
    visitor.visit(&direction)
    visitor.visit(&samples)
  }

  /// Judges the point that the last step led to.
  ///
  /// - Returns: the rows that go on from there: all of them at the first point.
  mutating func judge(_ point: Iterate) throws -> [Bool] {
    let losses = try point.map.losses(at: point.z)
    guard let base else {
      base = KnownPoint(point)
      samples = zip(losses, point.norms).map { Sample(loss: $0, norm: $1) }
      return losses.map { _ in true }
    }
    let resolution = 4 * point.z.dtype.machineEpsilon
    let isAccepted = samples.indices.map { row -> Bool in
      let (loss, norm, sample) = (losses[row], point.norms[row], samples[row])
      let fall = loss - sample.loss
      guard loss.isFinite, norm.isFinite else {
        samples[row].length *= 0.1
        return false
      }
      let isNoise = Swift.abs(fall) <= resolution * Swift.max(Swift.abs(sample.loss), 1e-300)
      if fall <= 1e-4 * sample.length * sample.slope || (isNoise && norm <= sample.norm) {
        samples[row] = Sample(loss: loss, norm: norm)
        return true
      }
      // The least of the parabola with L and its slope at 0, and L at a.
      let scaled = sample.slope * sample.length
      let ratio = -scaled / (2 * (fall - scaled))
      samples[row].length *= ratio.isFinite ? Swift.min(Swift.max(ratio, 0.1), 0.5) : 0.1
      return false
    }
    self.base = base.replacing(isAccepted, with: KnownPoint(point))
    return isAccepted
  }

  /// The next point to evaluate.
  ///
  /// - Parameters:
  ///   - directions: p, [rows, n]; where one does not descend, that against the gradient is taken.
  ///   - isNew: the rows for which it is a new one.
  ///   - lengths: the first length to try with it, one for each row.
  /// - Returns: [rows, n].
  mutating func next(along directions: Tensor, isNew: [Bool], lengths: [Double]) -> Tensor {
    guard let base else { callerMistake("a descent has a point to start from") }
    var p = direction.map { $0.replacingSamples(isNew, with: directions) } ?? directions
    var slopes = p.innerProductsOfSamples(with: base.residual).map(-)
    let isUphill = slopes.indices.map { isNew[$0] && !(slopes[$0] < 0) }
    if isUphill.contains(true) {
      p = p.replacingSamples(isUphill, with: base.residual)
      for row in slopes.indices where isUphill[row] {
        slopes[row] = -samples[row].norm * samples[row].norm
      }
    }
    for row in samples.indices where isNew[row] {
      samples[row].slope = slopes[row]
      samples[row].length =
        isUphill[row] ? Swift.min(1, 1 / Swift.max(samples[row].norm, 1e-300)) : lengths[row]
    }
    direction = p
    return base.z.adding(p, times: samples.map(\.length))
  }
}
