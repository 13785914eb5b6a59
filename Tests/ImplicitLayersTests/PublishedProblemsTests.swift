import ImplicitLayers
import TestSupport
import Testing

/// Every solver on the published problems: what it takes, or how it fails, and that it says so.
@Suite struct PublishedProblemsTests {
  @Test("there are 28 roots and 40 fixed points, each with its own name, and finite at the start")
  func problems() {
    let problems = PublishedProblem.all
    #expect(problems.filter { $0.kind == .root }.count == 28)
    #expect(problems.filter { $0.kind == .fixedPoint }.count == 40)
    #expect(Set(problems.map(\.name)).count == problems.count)
    for problem in problems {
      #expect(problem.residual(at: problem.initial).isFinite, "\(problem)")
      #expect(problem.residual(at: problem.initial) > 1e-4, "\(problem)")
    }
  }

  @Test("the known solutions are solutions", arguments: PublishedProblem.all)
  func solutions(_ problem: PublishedProblem) {
    // Published digits are few in places, and some residuals are steep: 1e4 x y for one.
    for solution in problem.solutions {
      #expect(problem.residual(at: solution) < 1e-6, "\(problem): \(solution)")
    }
  }

  @Test(
    "no report lies, and as many are solved as ever were",
    arguments: TestedSolver.all.filter { $0.solvedProblems != nil })
  func table(_ entry: TestedSolver) throws {
    let floor = try #require(entry.solvedProblems)
    var solved = 0
    var lines: [String] = []
    for problem in PublishedProblem.all {
      let attempt = try problem.attempt(with: entry.solver)
      #expect(!attempt.isLie, "\(entry.name), \(problem): \(attempt)")
      solved += attempt.isSolved ? 1 : 0
      lines.append("\(problem): \(attempt.text)")
    }
    #expect(
      solved >= floor, "\(entry.name) solved \(solved):\n\(lines.joined(separator: "\n"))")
  }

  @Test(
    "as many roots are found as ever were, within 1000 evaluations and products",
    arguments: TestedSolver.all.filter { $0.foundRoots != nil })
  func roots(_ entry: TestedSolver) throws {
    let floor = try #require(entry.foundRoots)
    #expect(PublishedProblem.roots.count == 33)
    var solved = 0
    var lines: [String] = []
    for problem in PublishedProblem.roots {
      let attempt = try problem.findRoot(with: entry.solver)
      let isTrue = attempt.residual <= RootAttempt.tolerance * (1 + 1e-9)
      #expect(attempt.outcome != .converged || isTrue, "\(entry.name), \(problem): \(attempt)")
      solved += attempt.isSolved ? 1 : 0
      lines.append("\(problem): \(attempt.outcome) \(attempt.cost)")
    }
    #expect(
      solved >= floor, "\(entry.name) solved \(solved):\n\(lines.joined(separator: "\n"))")
  }

  @Test("the automatic solver hands Broyden's tridiagonal system on in time")
  func tridiagonal() throws {
    let problem = try #require(PublishedProblem.all.first { $0.name == "Broyden, tridiagonal" })
    let attempt = try problem.attempt(with: .automatic)
    #expect(attempt.isSolved && attempt.evaluations <= 100, "\(attempt)")
    let root = try problem.findRoot(with: .automatic)
    #expect(root.isSolved && root.cost <= 100, "\(root)")
  }
}
