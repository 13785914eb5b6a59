import TestSupport

private func cell(_ text: String, _ width: Int = 18) -> String {
  text + String(repeating: " ", count: max(1, width - text.count))
}

/// Prints what the solvers make of every published problem.
func printTable(of columns: [TestedSolver]) throws {
  print(cell("problem", 44) + cell("n", 4) + columns.map { cell($0.name) }.joined())
  var solved = columns.map { _ in 0 }
  var solvedByAny = 0
  for problem in PublishedProblem.all {
    let attempts = try columns.map { try problem.attempt(with: $0.solver) }
    for (index, attempt) in attempts.enumerated() where attempt.isSolved { solved[index] += 1 }
    solvedByAny += attempts.contains { $0.isSolved } ? 1 : 0
    let texts = attempts.map { cell($0.isLie ? "LIE \($0.residual)" : $0.text) }
    print(cell(problem.name, 44) + cell("\(problem.dimension)", 4) + texts.joined())
  }
  print(cell("solved", 48) + solved.map { cell("\($0)") }.joined() + "any: \(solvedByAny)")
}
