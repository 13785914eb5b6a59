import ArgumentParser
import ImplicitLayers

/// A choice from one of the library's catalogs, as it is written on the command line and in files.
protocol CatalogChoice: Equatable, Sendable, LosslessStringConvertible, Codable {
  associatedtype Value: Sendable
  /// The type of the chosen value.
  static var catalog: Catalog<Value> { get }
  /// The name of such a choice in errors.
  static var kind: String { get }
  init(description: String, value: Value)
}

extension CatalogChoice {
  /// A list of all forms that may be written.
  static var forms: String { catalog.forms }

  static func == (a: Self, b: Self) -> Bool { a.description == b.description }

  init?(_ description: String) {
    guard let value = Self.catalog.value(description) else { return nil }
    self.init(description: description, value: value)
  }

  /// The choice that a user has written.
  ///
  /// - Throws: `ValidationError` saying how it is written, and with which numbers.
  init(written text: String) throws {
    guard let choice = Self(text) else { throw ValidationError(Self.catalog.rule(for: text)) }
    self = choice
  }

  init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let choice = Self(text) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "'\(text)' is no \(Self.kind); \(Self.catalog.rule(for: text))"))
    }
    self = choice
  }

  func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

/// How training differentiates slot attention.
///
/// A backward solve may fail early in training. In the samples where it fails, it is replaced by
/// five terms of the Neumann series.
struct GradientChoice: CatalogChoice {
  static let catalog = Catalog.estimators(
    tolerance: 1e-3, onFailure: .fallback(to: .neumann(terms: 5)))
  static let kind = "gradient"

  /// The form in which the choice was written.
  let description: String
  let value: any BackwardEstimator

  var estimator: any BackwardEstimator { value }

  /// Whether it differentiates the fixed point, and not the iterations that led to it.
  var isImplicit: Bool { estimator.adjoint != nil }

  /// Whether it reuses the inverse that the forward solver has built.
  var needsInverse: Bool { estimator.inverseUse == .required }

  /// Whether it undoes the steps of a paired iteration.
  var needsPairs: Bool { estimator is ReversibleAdjoint }

  /// The first-order approximation of the implicit gradient.
  static let implicit = GradientChoice(description: "implicit", value: .oneStep)
}

/// How the fixed point of slot attention is found.
struct SolverChoice: CatalogChoice {
  static var catalog: Catalog<any ForwardSolver> { .solvers }
  static let kind = "solver"

  /// The form in which the choice was written.
  let description: String
  let value: any ForwardSolver

  var solver: any ForwardSolver { value }

  /// Whether it builds an inverse that a gradient can reuse.
  var learnsInverse: Bool { solver.learnsInverse }

  /// Whether its steps can be undone.
  var isReversible: Bool { solver is PairedIteration }

  /// Plain fixed-point iteration.
  static let iteration = SolverChoice(description: "iteration", value: .picard())
}
