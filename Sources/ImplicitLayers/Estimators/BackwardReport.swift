import Tensors

/// What happened in a backward solve.
///
/// ```swift
/// let solution = try layer.solve(x)
/// let table = try gradients(of: loss(solution.value))
/// table.backwardReport(of: solution)?.samples[0].relativeResidual   // |v - (I - J^T) w| / |v|
/// ```
public struct BackwardReport: Sendable, CustomStringConvertible {
  /// The name of the estimator of the adjoint.
  public let estimator: String
  /// One entry per sample, whose applications are pullbacks, whose trace is the relative residual
  /// after each, and whose condition is that of I - J.
  ///
  /// Where nothing was measured the outcome says so and the residual is NaN; `Measured` measures it
  /// at the price of a pullback.
  public let samples: [LinearSolveReport.Sample]
  /// Pullbacks on the whole batch, those of a fallback included.
  public let pullbacks: Int
  /// The samples whose estimate failed, in order; their outcome says how.
  public let failed: [Int]
  /// The name of the estimator that replaced the estimates of the failed samples; nil if there were
  /// none, or if their estimates were kept.
  public let fallback: String?
  /// How well J was known, per sample.
  ///
  /// As `AdjointProblem.accuracies` says. A tolerance below it was raised to it.
  public let accuracies: [Double]

  /// A report from its parts.
  public init(
    estimator: String, samples: [LinearSolveReport.Sample], pullbacks: Int, failed: [Int] = [],
    fallback: String? = nil, accuracies: [Double]
  ) {
    (self.estimator, self.samples, self.pullbacks) = (estimator, samples, pullbacks)
    (self.failed, self.fallback, self.accuracies) = (failed, fallback, accuracies)
  }

  /// Whether every sample met its tolerance.
  public var converged: Bool { samples.allSatisfy { $0.outcome == .converged } }

  /// What happened in words.
  public var description: String {
    let worst = samples.map(\.relativeResidual).filter { !$0.isNaN }.max()
    let measured = worst.map { "largest relative residual \($0)" } ?? "residuals not measured"
    let condition = samples.compactMap(\.condition).max().map { ", condition of I - J \($0)" } ?? ""
    let start =
      "\(estimator): \(samples.count) samples, \(pullbacks) pullbacks, \(measured)\(condition)"
    guard !failed.isEmpty else { return start }
    return start + "; failed in samples \(failed.map(String.init).joined(separator: ", ")), "
      + (fallback.map { "replaced by \($0)" } ?? "kept")
  }
}

extension Gradients {
  /// What happened in the backward solve of a solution, in the pass that made these gradients.
  ///
  /// Nil where the loss does not depend on the solution, or its estimator solves no adjoint
  /// system (unrolling).
  public func backwardReport<State>(of solution: Solution<State>) -> BackwardReport? {
    solution.ticket.flatMap { report($0) }.flatMap { $0 as? BackwardReport }
  }
}
