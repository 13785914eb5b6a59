import Tensors

/// What a solve found, and how it went.
///
/// ```swift
/// let solution = try layer.solve(x)
/// let table = try gradients(of: loss(solution.value))
/// print(solution.report, table.backwardReport(of: solution)!)
/// ```
public struct Solution<State> {
  /// The fixed point, or the best iterate of each sample where there was none.
  public let value: State
  /// What happened, sample by sample.
  public let report: SolveReport
  /// What the solver learned of (J - I)^-1 on the way; nil if it learns nothing of the kind.
  public let inverse: (any InverseJacobian)?
  /// The place in a table of gradients of what the backward pass has to report.
  let ticket: ReportTicket?

  /// A solution from its parts.
  public init(value: State, report: SolveReport, inverse: (any InverseJacobian)? = nil) {
    self.init(value: value, report: report, inverse: inverse, ticket: nil)
  }

  init(
    value: State, report: SolveReport, inverse: (any InverseJacobian)?, ticket: ReportTicket?
  ) {
    self.value = value
    self.report = report
    self.inverse = inverse
    self.ticket = ticket
  }

  /// The same solve, its value in another form.
  func map<Other>(_ transform: (State) -> Other) -> Solution<Other> {
    Solution<Other>(value: transform(value), report: report, inverse: inverse, ticket: ticket)
  }

  /// The value, where every sample is as good as the rule asks.
  ///
  /// - Throws: `UnconvergedSolve` where a sample has not met a tolerance and the rule does not keep
  ///   such samples.
  func converged() throws -> State {
    guard report.rule.onFailure == .throwing, !report.failed.isEmpty else { return value }
    throw UnconvergedSolve(report: report)
  }
}

extension Solution: Sendable where State: Sendable {}

extension Gradients {
  /// What happened in the backward solve of a solution, in the pass that made these gradients.
  ///
  /// Nil where the loss does not depend on the solution, or its estimator solves no adjoint
  /// system (unrolling).
  public func backwardReport<State>(of solution: Solution<State>) -> BackwardReport? {
    solution.ticket.flatMap { report($0) }.flatMap { $0 as? BackwardReport }
  }
}

/// A solve did not find a fixed point in every sample.
public struct UnconvergedSolve: Error, CustomStringConvertible {
  /// What happened, sample by sample.
  public let report: SolveReport

  /// Which samples failed, how far they came, and what to try.
  public var description: String {
    "no fixed point was found in \(report.failed.count) of \(report.samples.count) samples: "
      + "\(report); to go on with the best iterates regardless, give the stopping rule "
      + "onFailure: .keeping, or call solve, which returns the report beside the value"
  }
}
