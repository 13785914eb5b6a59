import Tensors

/// A solver or an estimator that is chosen by a word and some numbers: "anderson:10".
///
/// Command lines, conformance checks and the tests of every combination read the tables below; a
/// solver or an estimator that is missing there fails a test.
public struct CatalogEntry<Value: Sendable>: Sendable {
  /// What is written first.
  public let word: String
  /// What may be written, for help texts: "anderson:DEPTH".
  public let forms: [String]
  /// Written forms that stand for the variants, for tests.
  public let examples: [String]
  /// The value for the numbers; nil where they are too many, too few, or out of range.
  let make: @Sendable (_ numbers: [String]) -> Value?
}

/// The values that are chosen by words.
public struct Catalog<Value: Sendable>: Sendable {
  /// In the order in which they are shown.
  public let entries: [CatalogEntry<Value>]

  /// What may be written, in one line.
  public var forms: String { entries.flatMap(\.forms).joined(separator: ", ") }

  /// The value of a written form such as "anderson:10"; nil if it is none.
  public func value(_ text: String) -> Value? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    return entries.first { $0.word == parts[0] }?.make(Array(parts.dropFirst()))
  }
}

/// A whole number in a range, or nil.
private func count(_ number: String, in range: ClosedRange<Int>) -> Int? {
  Int(number).flatMap { range.contains($0) ? $0 : nil }
}

/// A number in (0, 1], or nil.
private func fraction(_ number: String) -> Double? {
  Double(number).flatMap { $0 > 0 && $0 <= 1 ? $0 : nil }
}

extension Catalog where Value == any ForwardSolver {
  /// The forward solvers.
  public static var solvers: Catalog {
    let depths = 1...LeastSquaresWindow.maximumCapacity
    return Catalog(entries: [
      CatalogEntry(
        word: "iteration", forms: ["iteration", "iteration:DAMPING"],
        examples: ["iteration", "iteration:0.7"]
      ) { numbers in
        numbers.isEmpty
          ? .picard()
          : numbers.count == 1 ? fraction(numbers[0]).map { .picard(damping: $0) } : nil
      },
      CatalogEntry(
        word: "anderson", forms: ["anderson", "anderson:DEPTH"],
        examples: ["anderson", "anderson:2"]
      ) { numbers in
        numbers.isEmpty
          ? .anderson()
          : numbers.count == 1 ? count(numbers[0], in: depths).map { .anderson(depth: $0) } : nil
      },
      CatalogEntry(word: "broyden", forms: ["broyden"], examples: ["broyden"]) {
        $0.isEmpty ? .broyden() : nil
      },
      CatalogEntry(word: "newton-krylov", forms: ["newton-krylov"], examples: ["newton-krylov"]) {
        $0.isEmpty ? .newtonKrylov() : nil
      },
      CatalogEntry(word: "automatic", forms: ["automatic"], examples: ["automatic"]) {
        $0.isEmpty ? .automatic : nil
      },
    ])
  }
}

extension Catalog where Value == any BackwardEstimator {
  /// The backward estimators.
  ///
  /// - Parameters:
  ///   - tolerance: of those that iterate.
  ///   - policy: what those do that can fail.
  /// - Returns: the table.
  public static func estimators(
    tolerance: Double, onFailure policy: FailurePolicy = .throwing
  ) -> Catalog {
    let plain: [(String, any BackwardEstimator)] = [
      ("exact", .exact(onFailure: policy)), ("least-squares", .leastSquares(onFailure: policy)),
      ("gmres", .gmres(tolerance: tolerance, onFailure: policy)),
      ("bicgstab", .biCGStab(tolerance: tolerance, onFailure: policy)),
      ("iteration", .iterative(.picard(), tolerance: tolerance, onFailure: policy)),
      ("anderson", .iterative(.anderson(), tolerance: tolerance, onFailure: policy)),
      ("broyden", .iterative(.broyden(), tolerance: tolerance, onFailure: policy)),
      ("quasi-newton", .quasiNewtonReuse(onFailure: policy)),
      ("straight-through", .straightThrough()), ("measured", .measured(.oneStep)),
    ]
    return Catalog(
      entries: [
        CatalogEntry(word: "implicit", forms: ["implicit"], examples: ["implicit"]) {
          $0.isEmpty ? .oneStep : nil
        },
        CatalogEntry(
          word: "unrolled", forms: ["unrolled", "unrolled:STEPS (the last ones only)"],
          examples: ["unrolled", "unrolled:2"]
        ) { numbers in
          numbers.isEmpty
            ? .unrolled
            : numbers.count == 1
              ? count(numbers[0], in: 1...Int.max).map { .unrolled(lastSteps: $0) } : nil
        },
        CatalogEntry(word: "neumann", forms: ["neumann:TERMS"], examples: ["neumann:3"]) {
          $0.count == 1 ? count($0[0], in: 1...Int.max).map { .neumann(terms: $0) } : nil
        },
        CatalogEntry(
          word: "phantom", forms: ["phantom:TERMS:DAMPING"], examples: ["phantom:5:0.5"]
        ) { numbers in
          guard numbers.count == 2, let terms = count(numbers[0], in: 1...Int.max),
            let damping = fraction(numbers[1])
          else { return nil }
          return .neumann(terms: terms, damping: damping)
        },
      ]
        + plain.map { word, estimator in
          CatalogEntry(word: word, forms: [word], examples: [word]) {
            $0.isEmpty ? estimator : nil
          }
        })
  }
}
