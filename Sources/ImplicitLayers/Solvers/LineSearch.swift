import Tensors

/// How far a direction is followed, sample by sample.
///
/// From a point with residual norm B along a direction p, z + a p is tried with a = 1 and then
/// shorter, down to 1e-6, until its norm N <= (1 - 1e-4 a) B. If no length will do, a fixed-point
/// step is taken instead and not questioned.
///
/// The way to a solution may lead uphill: up to six full steps in succession are accepted that bring
/// no new best point (a watchdog: Chamberlain, Powell, Lemarechal and Pedersen 1982). Then a sample
/// returns to its best point, and goes only downhill until it has found a better one; after the second
/// such excursion, two, then four, or until no length will do. Trial points are the iterates of the
/// ordinary loop, so they count as evaluations, and each sample has its own length.
struct LineSearch: PerSample, Sendable {
  /// What became of a trial point: all but the rejected and the settled need a new direction.
  enum Verdict { case descended, tolerated, returned, rejected, settled }

  /// As many failures in succession as there may be lengths to try, and a fixed-point step.
  static let toleratedFailures = 24

  private(set) var points: SearchPoints?
  private var direction: Tensor?
  private var samples: [Sample] = []

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&points)
    visitor.visit(&direction)
    visitor.visit(&samples)
  }

  /// |g| at the point that each row starts from; infinite before the first.
  func norms(like point: Iterate) -> [Double] {
    samples.isEmpty ? point.norms.map { _ in .infinity } : samples.map(\.norm)
  }

  /// Judges a trial point.
  mutating func judge(_ point: Iterate) -> [Verdict] {
    if samples.isEmpty { samples = point.norms.map { _ in Sample() } }
    if points == nil { (points, direction) = (SearchPoints(point), point.residual) }
    let isBest = zip(point.norms, samples).map { $0 < $1.best }
    let verdicts = point.norms.enumerated().map { row, norm in
      point.map.isSettled(row: row) ? .settled : samples[row].judge(norm)
    }
    points?.update(
      point, isBest: isBest, isAccepted: verdicts.map { $0 == .descended || $0 == .tolerated },
      hasReturned: verdicts.map { $0 == .returned })
    return verdicts
  }

  /// The next trial point.
  ///
  /// - Parameters:
  ///   - directions: new ones.
  ///   - rows: the rows that they are for.
  ///   - waiting: all rows that wait for one; those without take a fixed-point step.
  /// - Returns: [rows, n].
  mutating func step(
    along directions: Tensor?, inRows rows: [Int], else waiting: [Int]
  ) -> Tensor {
    guard let points, var direction else {
      callerMistake("a line search starts from a point that was judged")
    }
    if let directions {
      direction = rows.count == samples.count ? directions : direction.replacing(rows, directions)
    }
    for row in Set(waiting).subtracting(rows) { samples[row].isPlain = true }
    direction = direction.replacingSamples(samples.map(\.isPlain), with: points.residual)
    self.direction = direction
    return points.base.adding(direction, times: samples.map(\.length))
  }

  /// The factor for the length a of a step that led from norm B to norm N: where the parabola for
  /// |g|^2 is least that has B^2 and N^2 at 0 and a and Newton's slope -2 B^2 at 0 (Dennis and
  /// Schnabel 1983, section 6.3.2), B^2 a / (N^2 - B^2 + 2 B^2 a), in [.1, .5]; `lost` where N is
  /// not finite.
  static func shortening(
    from base: Double, to trial: Double, length: Double, ifLost lost: Double
  ) -> Double {
    guard trial.isFinite else { return lost }
    let ratio = trial / base
    return min(max(length / (ratio * ratio - 1 + 2 * length), 0.1), 0.5)
  }
}

/// The line search of one sample.
private struct Sample: Sendable {
  /// |g| at the point that the step starts from, and the least so far.
  var norm = Double.infinity
  var best = Double.infinity
  var length = 1.0
  /// Whether the present step is not questioned, as a fixed-point step is.
  var isPlain = true
  /// The steps since the last best point.
  var idle = 0
  /// How many new bests are due before the next excursion, and after it.
  var due = 0
  var price = 1

  private static let excursion = 6

  mutating func judge(_ trial: Double) -> LineSearch.Verdict {
    let descends = trial <= (1 - 1e-4 * length) * norm
    let isTolerated = length == 1 && due == 0
    if trial.isFinite, descends || isTolerated || isPlain {
      if trial < best { due = max(0, due - 1) }
      idle = trial < best ? 0 : idle + 1
      best = min(best, trial)
      let hasStrayed = due == 0 && idle == Sample.excursion
      if hasStrayed { (idle, due, price) = (0, price, 2 * price) }
      (norm, length, isPlain) = (hasStrayed ? best : trial, 1, false)
      return hasStrayed ? .returned : descends ? .descended : .tolerated
    }
    if length > 1e-6 {
      length *= LineSearch.shortening(from: norm, to: trial, length: length, ifLost: 0.25)
    } else {
      (length, isPlain, due) = (1, true, 0)
    }
    return .rejected
  }
}
