import Tensors

/// The result of a solve, with its report.
///
/// ```swift
/// let solution = try layer.solve(x)
/// let table = try gradients(of: loss(solution.value))
/// print(solution.report, table.backwardReport(of: solution)!)
/// ```
public struct Solution<State> {
  /// The fixed point; if there was none, the best iterate of each sample.
  public let value: State
  /// What happened, sample by sample.
  public let report: SolveReport
  /// The approximation of (J - I)^-1 that the solver has built; nil if it builds none.
  public let inverse: (any InverseJacobian)?
  /// The place in a table of gradients of the report of the backward pass.
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

  /// The same solution with its value in another form.
  package func map<Other>(_ transform: (State) -> Other) -> Solution<Other> {
    Solution<Other>(value: transform(value), report: report, inverse: inverse, ticket: ticket)
  }

  /// The value, if every sample is as good as the rule demands.
  ///
  /// - Parameter advice: what else to try if a sample is not; default nothing.
  /// - Returns: the value.
  /// - Throws: `UnconvergedSolve` when a sample has not met the tolerance and the rule does not
  ///   keep such samples.
  package func converged(advice: String? = nil) throws -> State {
    guard report.rule.onFailure == .throwing, !report.failed.isEmpty else { return value }
    throw UnconvergedSolve(report: report, advice: advice, isOfGivenPoint: false)
  }

  /// The value, which the caller gave as the solution, if every sample is as good as the rule
  /// demands.
  ///
  /// - Throws: `UnconvergedSolve`, whose advice is for one who solves by other means.
  package func convergedAsGiven() throws -> State {
    guard !report.failed.isEmpty else { return value }
    throw UnconvergedSolve(report: report, advice: nil, isOfGivenPoint: true)
  }
}

extension Solution: Sendable where State: Sendable {}

/// The error that a solve did not find a fixed point in every sample.
public struct UnconvergedSolve: Error, CustomStringConvertible {
  /// What happened, sample by sample.
  public let report: SolveReport
  /// What to try in addition, for this kind of problem.
  let advice: String?
  /// Whether no step was taken, because a point was only to be tested.
  let isOfGivenPoint: Bool

  /// Which samples failed, how far they came, and what to try.
  public var description: String {
    guard !isOfGivenPoint else { return report.descriptionOfGivenPoint }
    return "no fixed point was found in \(report.failed.count) of \(report.samples.count) samples: "
      + "\(report)" + (advice.map { "; \($0)" } ?? "")
      + "; to go on with the best iterates regardless, give the stopping rule "
      + "onFailure: .keeping, or call solve, which returns the report beside the value"
  }
}
