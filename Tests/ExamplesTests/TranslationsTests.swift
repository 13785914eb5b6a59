import Foundation
import Testing

/// The programs of Examples/Translations come to the results of their originals in PyTorch.
@Suite struct TranslationsTests {
  /// By Benchmarks/peers/translations.
  static let originals: [String: [String: Double]] = [
    "classifier": ["loss": 0.5241607964692553, "accuracy": 0.795, "|W|": 17.503556053489945],
    "attention": [
      "loss": 0.14733256774806217, "|weights|": 6.899401698820849, "|start|": 2.3226609432984553,
    ],
    "mixture": [
      "loss": 1.018818630641242, "width 1": 0.6660767126388515, "width 2": 0.6894005310906656,
      "strength": 1.010857190872133,
    ],
    "graph": ["loss": 0.24447592399855367, "accuracy": 0.89, "|W|": 4.40935046107654],
    "bilevel": [
      "loss": 0.33014791830905893, "|w|": 4.49802479159824, "|log penalties|": 19.35552688324282,
    ],
  ]

  @Test("a translation finds what the original finds", arguments: originals.keys.sorted())
  func agrees(_ name: String) throws {
    struct Answer: Decodable { let results: [String: Double] }
    let output = try ExampleProgram(name: "Translations").output(name)
    let found = try JSONDecoder().decode(Answer.self, from: Data(output.utf8)).results
    let expected = try #require(Self.originals[name])
    #expect(Set(found.keys) == Set(expected.keys))
    for (key, value) in expected {
      let gap = abs((found[key] ?? .nan) - value)
      #expect(gap <= 1e-6 * abs(value), "\(name), \(key): \(found[key] ?? .nan) and \(value)")
    }
  }
}
