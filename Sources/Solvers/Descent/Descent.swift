import Tensors

/// How far descent directions are followed, sample by sample, so that a loss L falls.
///
/// A step a p is accepted if L falls by at least 1e-4 a times the fall that the slope dL/dx p
/// promises (Armijo) or, if L changes by no more than rounding, if |dL/dx| does not grow (Hager and
/// Zhang 2005). Otherwise a shorter length is tried: the minimum of the parabola with the value and
/// the slope of L at the beginning of the step and its value at the end, restricted to [.1, .5] of
/// the length before. Trial points are iterates of the ordinary loop, so they count as evaluations
/// ([why](../../../Docs/Explanation/Decisions/DescentInTheLoop.md)).
///
/// A sample makes progress when L or |dL/dx| falls below all earlier values: the way down may lead
/// along the floors of valleys and past saddles, where |dL/dx| alone says nothing. After `patience`
/// evaluations without progress the sample is stalled.
struct Descent: PerSample, Sendable {
  /// The points from which the samples descend; the residual at a point is -dL/dx.
  private(set) var base: KnownPoint?
  private var direction: Tensor?
  private var samples: [Sample] = []

  private struct Sample: Sendable {
    var loss: Double
    var norm: Double
    var slope = 0.0
    var length = 1.0
  }

  /// The smallest L and |dL/dx| of each sample so far, and the number of evaluations since one of
  /// them fell.
  private var records: [Record] = []

  private struct Record: Sendable {
    private var loss = Double.infinity
    private var norm = Double.infinity
    private(set) var idle = 0

    mutating func note(loss: Double, norm: Double, resolution: Double) {
      let isLower = loss < self.loss - (self.loss.isFinite ? resolution * abs(self.loss) : 0)
      idle = isLower || norm < self.norm ? 0 : idle + 1
      if loss < self.loss { self.loss = loss }
      if norm < self.norm { self.norm = norm }
    }
  }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&base)
    visitor.visit(&direction)
    visitor.visit(&samples)
    visitor.visit(&records)
  }

  /// Judges the points to which the last step led, and gives up samples that make no progress.
  ///
  /// - Returns: the rows that continue from there; at the first point, all rows.
  mutating func judge(_ point: Iterate) throws -> [Bool] {
    let losses = try point.map.losses(at: point.z)
    let resolution = 4 * point.z.dtype.machineEpsilon
    if records.isEmpty { records = losses.map { _ in Record() } }
    for row in records.indices {
      records[row].note(loss: losses[row], norm: point.norms[row], resolution: resolution)
      if records[row].idle >= point.map.rule.patience { point.map.giveUp(row: row, as: .stalled) }
    }
    guard let base else {
      for row in losses.indices where !(losses[row] + point.norms[row]).isFinite {
        point.map.giveUp(row: row, as: .nonFinite)
      }
      base = KnownPoint(point)
      samples = zip(losses, point.norms).map { Sample(loss: $0, norm: $1) }
      return losses.map { _ in true }
    }
    let isAccepted = samples.indices.map { row -> Bool in
      let (loss, norm, sample) = (losses[row], point.norms[row], samples[row])
      let fall = loss - sample.loss
      guard loss.isFinite, norm.isFinite else {
        samples[row].length *= 0.1
        return false
      }
      let isNoise = abs(fall) <= resolution * max(abs(sample.loss), 1e-300)
      if fall <= 1e-4 * sample.length * sample.slope || (isNoise && norm <= sample.norm) {
        samples[row] = Sample(loss: loss, norm: norm)
        return true
      }
      // The minimum of the parabola with L and its slope at 0, and with L at a.
      let scaled = sample.slope * sample.length
      let ratio = -scaled / (2 * (fall - scaled))
      samples[row].length *= ratio.isFinite ? min(max(ratio, 0.1), 0.5) : 0.1
      return false
    }
    self.base = base.replacing(isAccepted, with: KnownPoint(point))
    return isAccepted
  }

  /// The next point to evaluate.
  ///
  /// - Parameters:
  ///   - directions: the directions p, [rows, n]; a direction that does not descend is replaced by
  ///     that against the gradient.
  ///   - isNew: the rows whose direction is new.
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
        isUphill[row] ? min(1, 1 / max(samples[row].norm, 1e-300)) : lengths[row]
    }
    direction = p
    return base.z.adding(p, times: samples.map(\.length))
  }
}
