import Foundation
import Testing

/// Every public operator has a case in the tables, so that none is left without a gradient check.
@Suite struct OperatorCompletenessTests {
  /// Functions that are not recorded, or whose gradient another test checks.
  private let others: [String: String] = [
    "argmaxOfRows": "positions, which have no gradient",
    "step": "an update of Adam, which is not recorded",
    "append": "the cache of generation, which is not recorded",
    "innerProductsOfSamples": "plain numbers, which are not recorded",
    "slotAttention": "for display; compared in OperatorGradientTests",
    "converted": "compared exactly in OperatorGradientTests",
  ]

  @Test func everyOperatorHasACase() throws {
    let folder = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources/Tensors")
    let files = try ["Operators", "ModelOperators"].flatMap {
      try FileManager.default.contentsOfDirectory(
        at: folder.appending(path: $0), includingPropertiesForKeys: nil)
    }
    let declaration = /(?:public|package) (?:static |mutating |prefix )*func ([^\s(<]+)/
    var declared: Set<String> = []
    for file in files where file.pathExtension == "swift" {
      let source = try String(contentsOf: file, encoding: .utf8)
      for match in source.matches(of: declaration) { declared.insert(String(match.output.1)) }
    }
    #expect(declared.count > 30, "the sources were not found in \(folder.path)")
    let covered = Set((basicOperators + fusedOperators).map(\.operatorName)).union(others.keys)
    #expect(
      declared.subtracting(covered).sorted() == [],
      "add a case to basicOperators or fusedOperators for each of these")
    #expect(
      covered.subtracting(declared).subtracting(["dropout"]).sorted() == [],
      "these cases are of operators that no longer exist")
  }
}
