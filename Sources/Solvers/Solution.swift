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
  package let ticket: ReportTicket?

  /// Makes a solution from its parts.
  public init(value: State, report: SolveReport, inverse: (any InverseJacobian)? = nil) {
    self.init(value: value, report: report, inverse: inverse, ticket: nil)
  }

  package init(
    value: State, report: SolveReport, inverse: (any InverseJacobian)?, ticket: ReportTicket?
  ) {
    (self.value, self.report, self.inverse, self.ticket) = (value, report, inverse, ticket)
  }

  /// The same solve, its value in another form.
  package func map<Other>(_ transform: (State) -> Other) -> Solution<Other> {
    Solution<Other>(value: transform(value), report: report, inverse: inverse, ticket: ticket)
  }

  /// The value, where every sample is as good as the rule asks.
  ///
  /// - Parameter advice: what else to try where a sample is not; default nothing.
  /// - Returns: the value.
  /// - Throws: `UnconvergedSolve` where a sample has not met a tolerance and the rule does not keep
  ///   such samples.
  package func converged(advice: String? = nil) throws -> State {
    guard report.rule.onFailure == .throwing, !report.failed.isEmpty else { return value }
    throw UnconvergedSolve(report: report, advice: advice)
  }
}

extension Solution: Sendable where State: Sendable {}

/// A solve did not find a fixed point in every sample.
public struct UnconvergedSolve: Error, CustomStringConvertible {
  /// What happened, sample by sample.
  public let report: SolveReport
  /// What to try that is particular to what was solved.
  let advice: String?

  /// Which samples failed, how far they came, and what to try.
  public var description: String {
    "no fixed point was found in \(report.failed.count) of \(report.samples.count) samples: "
      + "\(report)" + (advice.map { "; \($0)" } ?? "")
      + "; to go on with the best iterates regardless, give the stopping rule "
      + "onFailure: .keeping, or call solve, which returns the report beside the value"
  }
}
