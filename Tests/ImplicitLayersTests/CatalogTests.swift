import ConformanceChecks
import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct CatalogTests {
  private let estimators = Catalog.estimators(tolerance: 1e-9)

  @Test(
    "every example of a solver is one, and nothing else is",
    arguments: Catalog.solvers.entries.flatMap(\.examples))
  func solverExamples(_ example: String) {
    #expect(Catalog.solvers.value(example) != nil)
    #expect(Catalog.solvers.value(example + ":1:1:1") == nil)
  }

  @Test(
    "every example of an estimator is one, with a name of words and numbers, not a dump of its parts",
    arguments: Catalog.estimators(tolerance: 1e-9).entries.flatMap(\.examples))
  func estimatorExamples(_ example: String) throws {
    let name = try #require(estimators.value(example)).name
    #expect(!name.isEmpty && name.count < 60 && !name.contains("("), "\(name)")
  }

  @Test(
    "what is no solver",
    arguments: [
      "", "anderson:0", "anderson:65", "anderson:2.5", "anderson:nan", "iteration:0",
      "iteration:1.1", "newton:2", "anderson:", "anderson:99999999999999999999",
    ])
  func noSolver(_ text: String) { #expect(Catalog.solvers.value(text) == nil) }

  @Test(
    "what is no estimator",
    arguments: ["neumann:0", "neumann:9223372036854775808", "phantom:3", "unrolled:0", "exact:1"])
  func noEstimator(_ text: String) { #expect(estimators.value(text) == nil) }

  @Test func theMostTerms() { #expect(estimators.value("neumann:9223372036854775807") != nil) }

  @Test("no solver and no estimator of the library is missing from the tables")
  func completeness() throws {
    let folder = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources")
    let files = ["Solvers", "ImplicitLayers"].flatMap { module in
      FileManager.default.enumerator(
        at: folder.appending(path: module), includingPropertiesForKeys: nil)?.allObjects ?? []
    }
    let solver = /(?:struct|class) (\w+): ForwardSolver/
    let estimator = /(?:struct|class) (\w+): (?:AdjointEstimator|BackwardEstimator)/
    var (solvers, estimators): (Set<String>, Set<String>) = ([], [])
    for case let file as URL in files where file.pathExtension == "swift" {
      // Comments show solvers that are none.
      let source = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        .filter { !$0.drop(while: { $0 == " " }).hasPrefix("///") }.joined(separator: "\n")
      solvers.formUnion(source.matches(of: solver).map { String($0.output.1) })
      estimators.formUnion(source.matches(of: estimator).map { String($0.output.1) })
    }
    #expect(solvers.count >= 5 && estimators.count >= 9, "the sources were not found in \(folder)")
    let kind = { (value: Any) in "\(type(of: value))" }
    // Those that descend are no solvers of every map.
    let descents = TestedSolver.descents.map { kind($0.solver) }
    #expect(solvers.isSuperset(of: descents), "a solver that descends was not found")
    solvers.subtract(descents)
    let table = Catalog.solvers
    let listed = Set(table.entries.flatMap(\.examples).compactMap { table.value($0).map(kind) })
    #expect(solvers.subtracting(listed).isEmpty)
    let problems = TestedSolver.all.filter { $0.solvedProblems != nil }
    for rows in [TestedSolver.defaults, TestedSolver.matrix, TestedSolver.swept, problems] {
      #expect(solvers.subtracting(rows.map { kind($0.solver) }).isEmpty)
    }
    let every = self.estimators
    let known = Set(every.entries.flatMap(\.examples).compactMap { every.value($0).map(kind) })
    #expect(estimators.subtracting(known).isEmpty)
    // The reversible one goes with pairs alone: ReversibleTests has it.
    let alone: Set = ["ReversibleAdjoint"]
    #expect(alone.isSubset(of: estimators), "a name of an estimator has changed")
    let tested = TestedEstimator.all.map { kind($0.make(.init(tolerance: 1e-9))) }
    #expect(estimators.subtracting(alone).subtracting(tested).isEmpty)
  }

  @Test(
    "every solver of the table conforms", arguments: Catalog.solvers.entries.flatMap(\.examples))
  func conformance(_ example: String) throws {
    let solver = try #require(Catalog.solvers.value(example))
    let failures = try SolverChecks(solver).failures()
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  @Test("rows of the tables of tests have names of their own, and each solver has one of defaults")
  func rows() {
    let solvers = TestedSolver.all + TestedSolver.descents
    #expect(Set(solvers.map(\.word)).count == solvers.count)
    #expect(Set(TestedEstimator.all.map(\.word)).count == TestedEstimator.all.count)
    let kinds = TestedSolver.defaults.map { "\(type(of: $0.solver))" }
    #expect(Set(kinds).count == kinds.count)
  }
}
