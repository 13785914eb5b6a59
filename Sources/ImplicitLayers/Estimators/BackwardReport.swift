import Synchronization
import Tensors

/// What happened in a backward solve.
///
/// ```swift
/// let solution = try layer.solve(x)
/// let table = try gradients(of: loss(solution.value))
/// solution.backwardReport?.samples[0].relativeResidual   // |v - (I - J^T) w| / |v|
/// ```
public struct BackwardReport: Sendable, CustomStringConvertible {
  /// What estimated the adjoint.
  public let estimator: any AdjointEstimator
  /// One entry per sample, whose applications are pullbacks and whose trace is the relative
  /// residual after each.
  ///
  /// Where nothing was measured the outcome says so and the residual is NaN; `Measured` measures it
  /// at the price of a pullback.
  public let samples: [LinearSolveReport.Sample]
  /// Pullbacks on the whole batch, those of a fallback included.
  public let pullbacks: Int
  /// The samples whose estimate failed, in order; their outcome says how.
  public let failed: [Int]
  /// What estimated the adjoint of the failed samples instead; nil if there were none or their
  /// estimates were kept.
  public let fallback: (any AdjointEstimator)?

  /// Whether every sample met its tolerance.
  public var converged: Bool { samples.allSatisfy { $0.outcome == .converged } }

  /// What happened in words.
  public var description: String {
    let worst = samples.map(\.relativeResidual).filter { !$0.isNaN }.max()
    let measured = worst.map { "largest relative residual \($0)" } ?? "residuals not measured"
    let start = "\(estimator): \(samples.count) samples, \(pullbacks) pullbacks, \(measured)"
    guard !failed.isEmpty else { return start }
    return start + "; failed in samples \(failed.map(String.init).joined(separator: ", ")), "
      + (fallback.map { "replaced by \($0)" } ?? "kept")
  }
}

/// The place of a report that is written when the gradient is computed, after the solution has
/// been handed out.
final class BackwardRecord: Sendable {
  private let content = Mutex<BackwardReport?>(nil)

  var report: BackwardReport? {
    get { content.withLock { $0 } }
    set { content.withLock { $0 = newValue } }
  }
}
