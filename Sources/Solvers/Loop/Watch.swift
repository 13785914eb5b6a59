import Tensors

/// Whether a method still makes progress with a sample.
///
/// Progress is a residual below all earlier ones. The way from one region to another may lead
/// uphill, so it is also a residual that exceeds all residuals since the best one by a hundredth,
/// or one that is a hundredth below all residuals since that largest one. A sample is stalled after
/// `patience` evaluations without progress. It has diverged when its residual exceeds 1000 times
/// the larger of 1 and the sum of the first residual and the norm of the first image: growth from a
/// tiny first residual alone is no divergence. A solver that can take a step back is allowed some
/// failures in succession, `tolerated`.
struct Watch: Sendable {
  private var best = Double.infinity
  /// The largest residual since the best one, and the least since the largest.
  private var top = 0.0
  private var low = Double.infinity
  private var idle = 0
  private var failures = 0
  private var bound = Double.infinity

  /// Records |f(z) - z| and |f(z)|.
  ///
  /// - Returns: how the method has failed; nil as long as it has not.
  mutating func judge(
    residual: Double, imageNorm: Double, patience: Int, tolerated: Int
  ) -> Outcome? {
    let isFirst = bound == .infinity
    if isFirst { bound = 1000 * max(1, residual + imageNorm) }
    let failure: Outcome? =
      !residual.isFinite ? .nonFinite : residual > bound ? .diverged : nil
    failures = failure == nil ? 0 : failures + 1
    if residual < best {
      (best, top, low, idle) = (residual, residual, residual, 0)
    } else if residual.isFinite, residual > 1.01 * top {
      (top, low, idle) = (residual, residual, 0)
    } else if residual < 0.99 * low {
      (low, idle) = (residual, 0)
    } else {
      idle += 1
    }
    // Before the first finite residual there is nothing to go back to.
    if let failure, isFirst || failures > tolerated { return failure }
    return idle >= patience ? .stalled : nil
  }
}
