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
  /// - Returns: the value.
  /// - Throws: `UnconvergedSolve` when a sample has not met the tolerance and the rule does not
  ///   keep such samples.
  public func converged() throws -> State { try converged(as: .fixedPoint) }

  /// The value, if every sample is as good as the rule demands.
  ///
  /// - Parameters:
  ///   - sought: what was looked for.
  ///   - advice: what else to try if a sample is not; default nothing.
  /// - Returns: the value.
  /// - Throws: `UnconvergedSolve` when a sample has not met the tolerance and the rule does not
  ///   keep such samples.
  package func converged(as sought: Sought, advice: String? = nil) throws -> State {
    guard report.rule.onFailure == .throwing, !report.failed.isEmpty else { return value }
    throw UnconvergedSolve(report: report, sought: sought, advice: advice)
  }

  /// The value, which the caller gave as the solution, if every sample is as good as the rule
  /// demands.
  ///
  /// - Throws: `UnconvergedSolve`, whose advice is for one who solves by other means.
  package func convergedAsGiven() throws -> State {
    guard !report.failed.isEmpty else { return value }
    throw UnconvergedSolve(report: report, sought: .givenPoint, advice: nil)
  }
}

extension Solution: Sendable where State: Sendable {}

/// What a solve was to find, for the words of its error.
package enum Sought: Sendable {
  case fixedPoint, root, minimum
  /// A test of a point that was found elsewhere: no step was taken.
  case givenPoint

  /// What was not found, and the call that returns the report beside the value.
  fileprivate var words: (noun: String, call: String) {
    switch self {
    case .fixedPoint: ("fixed point", "solveFixedPoint, or a layer's solve")
    case .root, .givenPoint: ("solution", "solve")
    case .minimum: ("minimum", "solveMinimum")
    }
  }
}

/// The error that a solve did not find what it looked for in every sample.
public struct UnconvergedSolve: Error, CustomStringConvertible {
  /// What happened, sample by sample.
  public let report: SolveReport
  /// What was looked for.
  private let sought: Sought
  /// What to try in addition, for this kind of problem.
  private let advice: String?

  init(report: SolveReport, sought: Sought, advice: String?) {
    (self.report, self.sought, self.advice) = (report, sought, advice)
  }

  /// Which samples failed, how far they came, and what to try.
  public var description: String {
    if case .givenPoint = sought { return report.descriptionOfGivenPoint }
    let (noun, call) = sought.words
    return "no \(noun) was found in \(report.failed.count) of \(report.samples.count) samples: "
      + "\(report)" + (advice.map { "; \($0)" } ?? "")
      + "; to go on with the best iterates regardless, give the stopping rule "
      + "onFailure: .keeping, or call \(call), which returns the report beside the value"
  }
}
