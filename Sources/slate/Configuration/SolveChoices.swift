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
  var isImplicit: Bool { estimator is any AdjointEstimator }

  /// Whether it reuses the inverse that the forward solver has learned.
  var needsInverse: Bool {
    (estimator as? any AdjointEstimator)?.inverseUse == .required
  }

  /// The first-order approximation of the implicit gradient.
  static let implicit = GradientChoice(description: "implicit", estimator: .oneStep)

  /// What may be written.
  static let forms = """
    implicit, unrolled, unrolled:STEPS (the last ones only), neumann:TERMS, \
    phantom:TERMS:DAMPING, exact, gmres, bicgstab, least-squares, iteration, anderson, broyden or \
    quasi-newton (reuses the forward solver's inverse)
    """

  static func == (a: GradientChoice, b: GradientChoice) -> Bool { a.description == b.description }
}

extension GradientChoice: LosslessStringConvertible, ExpressibleByArgument, Codable {
  init?(_ description: String) {
    let parts = description.split(separator: ":", omittingEmptySubsequences: false)
    let count = parts.count > 1 ? Int(parts[1]).flatMap { $0 >= 1 ? $0 : nil } : nil
    let number = parts.count > 2 ? Double(parts[2]).flatMap { $0 > 0 && $0 <= 1 ? $0 : nil } : nil
    let fallback = FailurePolicy.fallback(to: .neumann(terms: 5))
    let estimator: (any BackwardEstimator)? =
      switch (parts[0], parts.count) {
      case ("implicit", 1): .oneStep
      case ("unrolled", 1): .unrolled
      case ("unrolled", 2): count.map { .unrolled(lastSteps: $0) }
      case ("neumann", 2): count.map { .neumann(terms: $0) }
      case ("phantom", 3):
        if let count, let number { NeumannSeries(terms: count, damping: number) } else { nil }
      case ("exact", 1): .exact
      case ("gmres", 1): .gmres(tolerance: 1e-3, onFailure: fallback)
      case ("bicgstab", 1): .biCGStab(tolerance: 1e-3, onFailure: fallback)
      case ("least-squares", 1): .leastSquares
      case ("iteration", 1): .iterative(.picard(), tolerance: 1e-3, onFailure: fallback)
      case ("anderson", 1): .iterative(.anderson(), tolerance: 1e-3, onFailure: fallback)
      case ("broyden", 1): .iterative(.broyden(), tolerance: 1e-3, onFailure: fallback)
      case ("quasi-newton", 1): .quasiNewtonReuse(onFailure: fallback)
      default: nil
      }
    guard let estimator else { return nil }
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
  var learnsInverse: Bool { solver is Broyden }

  /// Plain fixed-point iteration.
  static let iteration = SolverChoice(description: "iteration", solver: .picard())

  /// What may be written.
  static let forms = """
    iteration, iteration:DAMPING, anderson, anderson:DEPTH (up to 64), broyden, newton-krylov or \
    automatic
    """

  static func == (a: SolverChoice, b: SolverChoice) -> Bool { a.description == b.description }
}

extension SolverChoice: LosslessStringConvertible, ExpressibleByArgument, Codable {
  init?(_ description: String) {
    let parts = description.split(separator: ":", omittingEmptySubsequences: false)
    let depth = parts.count > 1 ? Int(parts[1]).flatMap { (1...64).contains($0) ? $0 : nil } : nil
    let damping = parts.count > 1 ? Double(parts[1]).flatMap { $0 > 0 && $0 <= 1 ? $0 : nil } : nil
    let solver: (any ForwardSolver)? =
      switch (parts[0], parts.count) {
      case ("iteration", 1): .picard()
      case ("iteration", 2): damping.map { .picard(damping: $0) }
      case ("anderson", 1): .anderson()
      case ("anderson", 2): depth.map { .anderson(depth: $0) }
      case ("broyden", 1): .broyden()
      case ("newton-krylov", 1): .newtonKrylov()
      case ("automatic", 1): .automatic
      default: nil
      }
    guard let solver else { return nil }
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
