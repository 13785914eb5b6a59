import ArgumentParser
import ImplicitLayers

/// How training differentiates slot attention, as it is written on the command line.
///
/// A backward solve that fails, which early in training may happen, is replaced by five terms of the
/// Neumann series in the samples where it failed.
struct GradientChoice: Equatable, Sendable {
  /// The form in which it was written.
  let description: String
  let estimator: any BackwardEstimator

  /// Whether it differentiates the fixed point and not the iterations that led there.
  var isImplicit: Bool { estimator.adjoint != nil }

  /// Whether it reuses the inverse that the forward solver has learned.
  var needsInverse: Bool { estimator.inverseUse == .required }

  /// The first-order approximation of the implicit gradient.
  static let implicit = GradientChoice(description: "implicit", estimator: .oneStep)

  private static let catalog = Catalog.estimators(
    tolerance: 1e-3, onFailure: .fallback(to: .neumann(terms: 5)))

  /// What may be written.
  static let forms = catalog.forms

  static func == (a: GradientChoice, b: GradientChoice) -> Bool { a.description == b.description }
}

extension GradientChoice: LosslessStringConvertible, ExpressibleByArgument, Codable {
  init?(_ description: String) {
    guard let estimator = GradientChoice.catalog.value(description) else { return nil }
    self.init(description: description, estimator: estimator)
  }

  init?(argument: String) { self.init(argument) }

  init(from decoder: any Decoder) throws {
    self = try decoder.choice({ GradientChoice($0) }, "gradient", GradientChoice.forms)
  }

  func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

/// How slot attention's fixed point is found, as it is written on the command line.
struct SolverChoice: Equatable, Sendable {
  /// The form in which it was written.
  let description: String
  let solver: any ForwardSolver

  /// Whether it learns an inverse that a gradient can reuse.
  var learnsInverse: Bool { solver.learnsInverse }

  /// Plain fixed-point iteration.
  static let iteration = SolverChoice(description: "iteration", solver: .picard())

  /// What may be written.
  static let forms = Catalog.solvers.forms

  static func == (a: SolverChoice, b: SolverChoice) -> Bool { a.description == b.description }
}

extension SolverChoice: LosslessStringConvertible, ExpressibleByArgument, Codable {
  init?(_ description: String) {
    guard let solver = Catalog.solvers.value(description) else { return nil }
    self.init(description: description, solver: solver)
  }

  init?(argument: String) { self.init(argument) }

  init(from decoder: any Decoder) throws {
    self = try decoder.choice({ SolverChoice($0) }, "solver", SolverChoice.forms)
  }

  func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension Decoder {
  /// A choice from its written form.
  fileprivate func choice<Choice>(
    _ parse: (String) -> Choice?, _ kind: String, _ forms: String
  ) throws -> Choice {
    let text = try singleValueContainer().decode(String.self)
    guard let choice = parse(text) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: codingPath,
          debugDescription: "'\(text)' is no \(kind); it is one of \(forms)"))
    }
    return choice
  }
}
