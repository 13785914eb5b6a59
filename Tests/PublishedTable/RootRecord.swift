import TestSupport

/// A root problem with what our solvers make of it, for the script that asks other libraries too.
struct RootRecord: Encodable {
  /// One solver's attempt.
  struct Result: Encodable {
    let isSolved: Bool
    /// Evaluations of F, and products with its Jacobian or the transpose of that.
    let evaluations: Int, products: Int
    /// |F| at the returned point, infinite as null.
    let residual: Double?
    let outcome: String
  }

  let name: String
  let source: String
  let start: [Double]
  /// F at the start and at a point beside it, by which others show that they solve the same.
  let valueAtStart: [Double]
  let neighbour: [Double], valueAtNeighbour: [Double]
  let results: [String: Result]

  static func all() throws -> [RootRecord] {
    try PublishedProblem.roots.map { problem in
      let neighbour = problem.initial.enumerated().map { index, number in
        number * 1.0625 + Double(index % 3 + 1) / 64
      }
      var results: [String: Result] = [:]
      for entry in TestedSolver.all where entry.foundRoots != nil {
        let attempt = try problem.findRoot(with: entry.solver)
        results[entry.word] = Result(
          isSolved: attempt.isSolved, evaluations: attempt.evaluations, products: attempt.products,
          residual: attempt.residual.isFinite ? attempt.residual : nil,
          outcome: "\(attempt.outcome)")
      }
      return RootRecord(
        name: problem.name, source: problem.source.text, start: problem.initial,
        valueAtStart: problem.values(at: problem.initial), neighbour: neighbour,
        valueAtNeighbour: problem.values(at: neighbour), results: results)
    }
  }
}
