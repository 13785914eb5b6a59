import Foundation
import Testing

/// Every operator has its rows in the tables, so that none is left without a check of its derivatives.
@Suite struct OperatorCompletenessTests {
  /// Functions that are not recorded, or whose gradient another test checks.
  private let others: [String: String] = [
    "argmax": "positions, which have no gradient", "argmin": "positions, which have no gradient",
    "argsort": "positions, which have no gradient",
    ".": "flags of .< and .<=, which have no gradient", ".>": "flags", ".>=": "flags",
    ".==": "flags", ".!=": "flags",
    "step": "an update of Adam, which is not recorded",
    "append": "the cache of generation, which is not recorded",
    "innerProductsOfSamples": "plain numbers, which are not recorded",
    "slotAttention": "for display; compared in OperatorGradientTests",
    "converted": "compared exactly in OperatorGradientTests",
  ]

  /// Recorded, but a part of an operator that has rows, or the same under another name.
  private let parts: [String: String] = [
    "masked": "dropout",
    "pixelsMoved": "pixelShuffled", "patches": "of convolution2D", "spread": "of convolution2D",
    "correlated": "convolution2D", "converted": "compared exactly in OperatorGradientTests",
    "recorded": "the recording itself",
    "read": "of selecting", "writing": "of updating",
    "solution": "of an implicit function; to third order in ImplicitLayersTests",
    "value": "of a reversed function; to second order in ImplicitLayersTests",
  ]
  /// Rows of one form only, for which shapes mean nothing.
  private let ofOneForm: [String: String] = [
    "+=": "is +", "-=": "is -", "*=": "is *", "/=": "is /", "recomputed": "any function",
    "withElements": "keeps elements",
    "gated": "keeps elements", "transformingCotangent": "keeps elements",
  ]

  private func names(_ cases: [OperatorCase]) -> Set<String> { Set(cases.map(\.operatorName)) }

  @Test func everyOperatorHasACase() throws {
    let declaration = /(?:public|package) (?:static |mutating |prefix )*func ([^\s(<]+)/
    var declared: Set<String> = []
    for source in try sources(in: ["Operators", "ModelOperators"]) {
      for match in source.matches(of: declaration) { declared.insert(String(match.output.1)) }
    }
    #expect(declared.count > 30, "the sources were not found")
    let covered = names(allOperators).union(others.keys)
    #expect(
      declared.subtracting(covered).sorted() == [],
      "add a case to basicOperators or fusedOperators for each of these")
    #expect(
      covered.subtracting(declared).subtracting(["dropout"]).subtracting(names(otherOperators))
        .sorted() == [],
      "these cases are of operators that no longer exist")
  }

  /// A function that records a rule is an operator, wherever it stands.
  @Test func everythingThatIsRecordedIsDifferentiatedAgain() throws {
    var recorded: Set<String> = []
    for source in try sources(in: [""]) {
      var function = ""
      for line in source.split(separator: "\n") {
        // Of a function within a function the outer one counts.
        if let match = line.prefixMatch(of: #/ {0,2}(?:\w+ )*func ([^\s(<]+)/#) {
          function = String(match.output.1)
        }
        if [".recorded(", "let node = Node("].contains(where: line.contains) {
          recorded.insert(function)
        }
      }
    }
    #expect(recorded.count > 30, "the sources were not found")
    let covered = names(HigherDerivativeTests.table).union(parts.keys)
    #expect(
      recorded.subtracting(covered).sorted() == [],
      "add a case to otherOperators, basicOperators or fusedOperators for each of these")
    #expect(Set(parts.keys).subtracting(recorded).sorted() == [], "these are no longer recorded")
  }

  @Test func everyOperatorIsTriedAtRandomShapes() {
    let drawn = names(RandomOperator.cases)
    let fixed = names(allOperators)
    #expect(fixed.subtracting(drawn).subtracting(ofOneForm.keys).sorted() == [], "add a row")
    #expect(drawn.subtracting(fixed).sorted() == [])
  }

  /// The text of every Swift file below folders of Sources/Tensors.
  private func sources(in folders: [String]) throws -> [String] {
    let root = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources/Tensors")
    return try folders.flatMap { folder -> [String] in
      let start = folder.isEmpty ? root : root.appending(path: folder)
      let files = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
      return try (files?.allObjects ?? []).compactMap { $0 as? URL }
        .filter { $0.pathExtension == "swift" }
        .map { try String(contentsOf: $0, encoding: .utf8) }
    }
  }
}
