import ImplicitLayers

/// A solver of the table of published problems, and how many of them it has to solve.
public struct SolverOfProblems: Sendable, CustomStringConvertible {
  /// What the table calls it.
  public let name: String
  /// With the settings of the table.
  public let solver: any ForwardSolver
  /// The least number of problems that it solves.
  public let floor: Int

  /// The name.
  public var description: String { name }

  /// The columns of the table.
  public static let all = [
    SolverOfProblems(name: "Picard", solver: .picard(), floor: 34),
    SolverOfProblems(name: "paired", solver: .paired(), floor: 29),
    SolverOfProblems(name: "Anderson-5", solver: .anderson(), floor: 60),
    SolverOfProblems(name: "Anderson-10", solver: .anderson(depth: 10), floor: 61),
    SolverOfProblems(name: "Broyden", solver: .broyden(), floor: 65),
    SolverOfProblems(name: "Newton", solver: .newton(), floor: 68),
    SolverOfProblems(name: "Newton-Krylov", solver: .newtonKrylov(), floor: 68),
    SolverOfProblems(name: "automatic", solver: .automatic, floor: 68),
  ]
}
