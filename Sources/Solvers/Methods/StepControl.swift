/// The step lengths of one sample: in full, or within a trust region.
///
/// A sample is trusted, and each of its steps accepted, until its residual is not finite, exceeds
/// `growth` times its best, or brings no new best in `excursion` steps. Then it returns to its best
/// point, and is doubted until it has found so many better ones: one, after the next excursion two,
/// then four (a watchdog: Chamberlain, Powell, Lemarechal and Pedersen 1982). With B = |g| where a
/// doubted step starts, N = |g| at the trial point z + s, s = t p, t = min(1, radius / |p|):
///
/// - s is accepted where N < (1 - 1e-4) B, and where p rests on a learned J, where N is so far below
///   one of the last three B (a nonmonotone test: Grippo, Lampariello and Lucidi 1986);
/// - r = (B - N) / (t B) is the fall, 1 of a Newton step. Where r < .1 the radius becomes |s| times
///   the factor of `shortening`; where r > .5, at least 2 |s|. A method that knows J takes the
///   direction at a new point in full again;
/// - after two steps of r < .1 in succession it is a learned J that is wrong. With more memory than
///   unknowns, each unknown is then probed: z + h e_i is evaluated only for the method to learn from;
/// - where t falls below 1e-6, no length of p helps: a fixed-point step is taken instead, and the
///   sample is trusted again, with a new excursion ahead of it.
///
/// H learns from rejected points as well, but not from those where N > 10 B, which lie too far out to
/// tell anything of J at z. A step of a trusted sample is at most 100 max(1, |f| + |g|) long, which is at
/// least 100 |z|, because z = f - g.
struct StepControl: Sendable {
  /// Where the next step starts.
  enum Move { case accepted, rejected, returned }

  /// The residual of the point that the next step starts from, and the least residual so far.
  private(set) var norm: Double
  private(set) var best: Double
  /// The norms of the last points that were accepted.
  private var recent: [Double]
  private var radius: Double
  /// |s|, the length of the step, and t, the share of it that is taken.
  private var length = 0.0
  private var fraction = 1.0
  private var isTrusted = true
  /// Steps since the last best point, and bad ones of a sample that is not trusted.
  private var idle = 0
  private var failures = 0
  /// The new bests that are due before it is trusted again, and what the next excursion will cost,
  /// twice as many as the last, up to a million.
  private var due = 0
  private var price = 1
  /// Whether the next step is a fixed-point step, after which the sample is trusted again.
  private(set) var isPlain = false
  /// The unknown that is probed.
  private(set) var probe: Int?

  init(norm: Double, imageNorm: Double) {
    (self.norm, best, recent) = (norm, norm, [norm])
    radius = 100 * max(1, imageNorm + norm)
  }

  /// t of the step along a direction of that length.
  mutating func fraction(ofLength full: Double) -> Double {
    fraction = full > radius ? radius / full : 1
    length = fraction * full
    return fraction
  }

  /// Judges the point that the last step led to, in row `row`.
  ///
  /// - Returns: where the next step starts, and whether the method is to learn from the point.
  mutating func judge(
    _ point: Iterate, row: Int, by policy: StepPolicy
  ) -> (move: Move, isInformative: Bool) {
    let (trial, unknowns) = (point.norms[row], point.z.unknownsOfSamples)
    let isNear = trial < 10 * norm
    if let unknown = probe {
      probe = unknown + 1 < unknowns ? unknown + 1 : nil
      return (.rejected, isNear)
    }
    // One that is no larger than the residual that rounding makes has arrived.
    idle = trial < best || trial <= point.noise[row] ? 0 : idle + 1
    if trial < best { due -= 1 }
    if trial < best || !best.isFinite { best = trial }
    if due <= 0 { isTrusted = true }
    // Shortening has taken more steps than an excursion may have, so that it must not count as one.
    if isPlain, trial.isFinite { (isTrusted, idle) = (true, 0) }
    isPlain = false
    guard isTrusted else {
      return (judgeDoubted(trial, policy, mayProbe: unknowns < policy.memory), isNear)
    }
    let isTolerable = trial.isFinite && trial <= policy.growth * best
    if isTolerable, idle <= policy.excursion {
      (norm, radius) = (trial, 100 * max(1, point.imageNorms[row] + trial))
      return (.accepted, true)
    }
    (isTrusted, due, price) = (false, price, min(2 * price, 1 << 20))
    (norm, recent) = (best, [best])
    return (.returned, isTolerable)
  }

  private mutating func judgeDoubted(
    _ trial: Double, _ policy: StepPolicy, mayProbe: Bool
  ) -> Move {
    let fall = trial.isFinite ? (norm - trial) / (fraction * norm) : -.infinity
    failures = fall < 0.1 ? failures + 1 : 0
    if fall < 0.1 { radius = length * shortening(trial) }
    if fall > 0.5 { radius = max(radius, 2 * length) }
    if failures == 2 { (failures, probe) = (0, mayProbe ? 0 : nil) }
    if trial.isFinite, trial < (1 - 1e-4) * (recent.max() ?? .infinity) {
      norm = trial
      recent = policy.memory == 0 ? [trial] : recent.suffix(2) + [trial]
      if policy.memory == 0 { radius = .infinity }
      return .accepted
    }
    if fraction < 1e-6 { (isPlain, radius) = (true, .infinity) }
    return .rejected
  }

  /// The factor for t after a step that led to norm N: where the parabola for |g|^2 is least that has
  /// B^2 and N^2 at 0 and t and Newton's slope -2 B^2 at 0 (Dennis and Schnabel 1983, section 6.3.2),
  /// B^2 t / (N^2 - B^2 + 2 B^2 t), in [.1, .5]; .1 where N is not finite.
  private func shortening(_ trial: Double) -> Double {
    let ratio = trial / norm
    return trial.isFinite
      ? min(max(fraction / (ratio * ratio - 1 + 2 * fraction), 0.1), 0.5) : 0.1
  }
}
