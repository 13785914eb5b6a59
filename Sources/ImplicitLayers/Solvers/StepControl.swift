/// The trust region of one sample.
///
/// A sample is trusted, and each of its steps accepted, until its residual is not finite, exceeds
/// `growth` times its best, or brings no new best in twelve steps. Then it returns to its best point,
/// and with B = |g| there, N = |g| at the trial point z + s, s = t p, t = min(1, radius / |p|):
///
/// - s is accepted where N < (1 - 1e-4) max of the last three B (a nonmonotone test: Grippo,
///   Lampariello and Lucidi 1986);
/// - r = (B - N) / (t B) is the fall, 1 of a Newton step. Where r < .1 the radius becomes |s| times
///   the factor of `LineSearch.shortening`, .1 if N is not finite; where r > .5, at least 2 |s|;
/// - after two steps of r < .1 in succession it is H that is wrong. With more memory than unknowns,
///   each unknown is then probed in turn: z + h e_i is evaluated only for H to learn from.
///
/// H learns from rejected points as well, but not from those where N > 10 B, which lie too far out
/// to tell anything of J at z. No step of a trusted sample is longer than 100 max(1, |f(z)| + |g|).
struct StepControl: Sendable {
  /// Where the next step starts.
  enum Move { case accepted, rejected, returned }

  /// Of the point that the next step starts from, and the least so far.
  private var norm: Double
  private(set) var best: Double
  /// The norms of the last points that were accepted.
  private var recent: [Double]
  private var radius: Double
  /// |s| and t.
  private var length = 0.0
  private var fraction = 1.0
  private var isTrusted = true
  /// Trusted steps since the last best point, and bad ones of a sample that is not trusted.
  private var idle = 0
  private var failures = 0
  /// The unknown that is probed.
  private(set) var probe: Int?

  init(norm: Double, imageNorm: Double) {
    (self.norm, best, recent) = (norm, norm, [norm])
    radius = StepControl.longest(norm, imageNorm)
  }

  /// f(z) and g, of which one is at least half as large as z.
  private static func longest(_ norm: Double, _ imageNorm: Double) -> Double {
    100 * max(1, imageNorm + norm)
  }

  /// t of the step along a direction of that length.
  mutating func fraction(ofLength full: Double) -> Double {
    fraction = full > radius ? radius / full : 1
    length = fraction * full
    return fraction
  }

  /// Judges the point that the last step led to.
  ///
  /// - Parameters:
  ///   - trial: N.
  ///   - imageNorm: |f| there.
  ///   - noise: the residual that rounding makes there; one that is no larger has arrived.
  ///   - growth: see above.
  ///   - probes: the number of unknowns, or 0 if they are not to be probed.
  /// - Returns: where the next step starts, and whether H is to learn from the point.
  mutating func judge(
    _ trial: Double, imageNorm: Double, noise: Double, growth: Double, probes: Int
  ) -> (move: Move, isInformative: Bool) {
    let isNear = trial < 10 * norm
    if let unknown = probe {
      probe = unknown + 1 < probes ? unknown + 1 : nil
      return (.rejected, isNear)
    }
    idle = trial < best || trial <= noise ? 0 : idle + 1
    if trial < best || !best.isFinite { best = trial }
    guard isTrusted else { return (judgeDoubted(trial, probes: probes), isNear) }
    let isTolerable = trial.isFinite && trial <= growth * best
    if isTolerable, idle <= 12 {
      (norm, radius) = (trial, StepControl.longest(trial, imageNorm))
      return (.accepted, true)
    }
    isTrusted = false
    (norm, recent) = (best, [best])
    return (.returned, isTolerable)
  }

  private mutating func judgeDoubted(_ trial: Double, probes: Int) -> Move {
    let fall = trial.isFinite ? (norm - trial) / (fraction * norm) : -.infinity
    if fall < 0.1 {
      radius =
        length
        * LineSearch.shortening(from: norm, to: trial, length: fraction, ifLost: 0.1)
      failures += 1
    } else {
      if fall > 0.5 { radius = max(radius, 2 * length) }
      failures = 0
    }
    if failures == 2 {
      failures = 0
      probe = probes > 0 ? 0 : nil
    }
    guard trial.isFinite, trial < (1 - 1e-4) * (recent.max() ?? .infinity) else {
      return .rejected
    }
    norm = trial
    recent = recent.suffix(2) + [trial]
    return .accepted
  }
}
