import ImplicitLayers
import TestSupport

// The table of published problems: every solver's evaluations, or how it failed, and the sums.
//
//     swift run -c release PublishedTable [name of a solver ...]

let columns = SolverOfProblems.all.filter { column in
  CommandLine.arguments.count == 1 || CommandLine.arguments.dropFirst().contains(column.name)
}

func cell(_ text: String, _ width: Int = 18) -> String {
  text + String(repeating: " ", count: max(1, width - text.count))
}

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
