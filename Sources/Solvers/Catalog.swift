import Tensors

/// A solver or an estimator that can be chosen by a word and some numbers, such as "anderson:10".
///
/// Command lines, conformance checks and the tests of every combination read these tables; a test fails
/// for an estimator or a solver of fixed points that is missing in them. Solvers of minima are not listed,
/// because they need a loss.
public struct CatalogEntry<Value: Sendable>: Sendable {
  /// The word by which the value is chosen, before the numbers.
  public let word: String
  /// The written form with names for the numbers, for help texts: "anderson:DEPTH".
  public let forms: [String]
  /// Written forms that together cover all variants, for tests.
  public let examples: [String]
  /// What the numbers have to be, as "DEPTH is a whole number between 1 and 64"; empty without any.
  let rule: String
  /// The value for the given numbers; nil if there are too many or too few of them, or one is out
  /// of range.
  let make: @Sendable (_ numbers: [String]) -> Value?

  /// An entry.
  ///
  /// - Parameters:
  ///   - word: the word that comes first.
  ///   - plain: the value of the word alone; nil if numbers must follow.
  ///   - numbers: the names of the numbers; default none.
  ///   - rule: what the numbers have to be, as a sentence; default none.
  ///   - example: numbers that may follow, for tests.
  ///   - make: returns the value for as many numbers as have names; nil if they are out of range.
  package init(
    _ word: String, _ plain: Value? = nil, numbers: [String] = [], rule: String = "",
    example: String = "",
    make: @escaping @Sendable (_ numbers: [String]) -> Value? = { _ in nil }
  ) {
    (self.word, self.rule) = (word, rule)
    let alone = plain == nil ? [] : [word]
    forms = alone + (numbers.isEmpty ? [] : [([word] + numbers).joined(separator: ":")])
    examples = alone + (numbers.isEmpty ? [] : ["\(word):\(example)"])
    let count = numbers.count
    self.make = { $0.isEmpty ? plain : $0.count == count ? make($0) : nil }
  }
}

/// A table of values that are chosen by words.
public struct Catalog<Value: Sendable>: Sendable {
  /// The entries in the order in which they are shown.
  public let entries: [CatalogEntry<Value>]

  /// Makes a table of entries.
  package init(entries: [CatalogEntry<Value>]) { self.entries = entries }

  /// All written forms, in one line.
  public var forms: String { entries.flatMap(\.forms).joined(separator: ", ") }

  /// The value of a written form such as "anderson:10"; nil if there is no such form.
  public func value(_ text: String) -> Value? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    return entries.first { $0.word == parts[0] }?.make(Array(parts.dropFirst()))
  }

  /// How a text that is no written form would have to be written, as the end of a sentence.
  package func rule(for text: String) -> String {
    let word = text.prefix { $0 != ":" }
    guard let entry = entries.first(where: { $0.word == word }) else {
      return "it is one of \(forms)"
    }
    let written = "it is written \(entry.forms.joined(separator: " or "))"
    return entry.rule.isEmpty ? written : "\(written), where \(entry.rule)"
  }
}

/// A whole number in a range, or nil.
package func count(_ number: String, in range: ClosedRange<Int>) -> Int? {
  Int(number).flatMap { range.contains($0) ? $0 : nil }
}

/// A number in (0, 1], or nil.
package func fraction(_ number: String) -> Double? {
  Double(number).flatMap { $0 > 0 && $0 <= 1 ? $0 : nil }
}

extension Catalog where Value == any ForwardSolver {
  /// The forward solvers.
  public static var solvers: Catalog {
    let depths = 1...LeastSquaresWindow.maximumCapacity
    return Catalog(entries: [
      CatalogEntry(
        "iteration", .picard(), numbers: ["RELAXATION"],
        rule: "RELAXATION is above 0 and at most 1", example: "0.7"
      ) { fraction($0[0]).map { .picard(relaxation: $0) } },
      CatalogEntry(
        "anderson", .anderson(), numbers: ["DEPTH"],
        rule: "DEPTH is a whole number between \(depths.lowerBound) and \(depths.upperBound)",
        example: "2"
      ) { count($0[0], in: depths).map { .anderson(depth: $0) } },
      CatalogEntry("broyden", .broyden()),
      CatalogEntry("newton", .newton()),
      CatalogEntry("newton-krylov", .newtonKrylov()),
      CatalogEntry(
        "paired", .paired(), numbers: ["RELAXATION"], rule: "RELAXATION is above 0 and below 1",
        example: "0.8"
      ) { fraction($0[0]).flatMap { $0 < 1 ? .paired(relaxation: $0) : nil } },
      CatalogEntry("automatic", .automatic),
    ])
  }
}
