import ConformanceChecks
import Foundation
import ImplicitLayers
import RandomCells
import Tensors
import TestSupport
import Testing

@Suite struct CatalogTests {
  private let estimators = Catalog.estimators(tolerance: 1e-9)

  @Test("every example is one, and nothing else is")
  func examples() {
    for entry in Catalog.solvers.entries {
      for example in entry.examples {
        #expect(Catalog.solvers.value(example) != nil, "\(example)")
        #expect(Catalog.solvers.value(example + ":1:1:1") == nil, "\(example)")
      }
    }
    for entry in estimators.entries {
      for example in entry.examples { #expect(estimators.value(example) != nil, "\(example)") }
    }
    for text in [
      "", "anderson:0", "anderson:65", "anderson:2.5", "anderson:nan", "iteration:0",
      "iteration:1.1",
      "newton:2", "anderson:", "anderson:99999999999999999999",
    ] {
      #expect(Catalog.solvers.value(text) == nil, "\(text)")
    }
    for text in ["neumann:0", "neumann:9223372036854775808", "phantom:3", "unrolled:0", "exact:1"] {
      #expect(estimators.value(text) == nil, "\(text)")
    }
    #expect(estimators.value("neumann:9223372036854775807") != nil)
  }

  @Test("no solver and no estimator of the library is missing from the tables")
  func completeness() throws {
    let folder = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources")
    let files = ["Solvers", "ImplicitLayers"].flatMap { module in
      FileManager.default.enumerator(
        at: folder.appending(path: module), includingPropertiesForKeys: nil)?.allObjects ?? []
    }
    // Those that descend need a loss, and are no solvers of every map: MinimumTests has them.
    let descents: Set = ["LBFGS", "NewtonCG"]
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
    #expect(descents.isSubset(of: solvers), "a name of a solver has changed")
    solvers.subtract(descents)
    let kind = { (value: Any) in "\(type(of: value))" }
    let table = Catalog.solvers
    let listed = Set(table.entries.flatMap(\.examples).compactMap { table.value($0).map(kind) })
    #expect(solvers.subtracting(listed).isEmpty)
    #expect(solvers.subtracting(TabledSolver.all.map { kind($0.solver) }).isEmpty)
    #expect(solvers.subtracting(SolverOfProblems.all.map { kind($0.solver) }).isEmpty)
    #expect(solvers.subtracting(SweptSolver.all.map { kind($0.solver) }).isEmpty)
    let every = self.estimators
    let known = Set(every.entries.flatMap(\.examples).compactMap { every.value($0).map(kind) })
    #expect(estimators.subtracting(known).isEmpty)
  }

  @Test(
    "every solver of the table conforms", arguments: Catalog.solvers.entries.flatMap(\.examples))
  func conformance(_ example: String) throws {
    let solver = try #require(Catalog.solvers.value(example))
    let failures = try SolverChecks(solver).failures()
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  @Test("the name of an estimator is words and numbers, not a dump of its parts")
  func names() {
    for entry in estimators.entries {
      for example in entry.examples {
        let name = estimators.value(example)?.name ?? ""
        #expect(!name.isEmpty && name.count < 60 && !name.contains("("), "\(example): \(name)")
      }
    }
  }
}
