import NeuralLayers
import Tensors

/// What an optimiser does otherwise for some parameters.
///
/// ```swift
/// let rules: [ParameterRule] = [
///   .rate(times: 0.1, for: .of(model.encoder)), .weightDecay(0, for: "*.bias"), .frozen("head.*"),
/// ]
/// ```
/// Each rule is about one thing. Where several about the same thing select a parameter, the last one
/// counts: a general rule stands before its exceptions.
public struct ParameterRule: Sendable {
  /// The parameters that it is about.
  public let selection: ParameterSelection
  private let effect: Effect

  private enum Effect: Sendable {
    case rate(Double)
    case weightDecay(Double)
    case frozen(Bool)
  }

  /// What the rules come to for one parameter.
  struct Settings: Equatable {
    var rateFactor = 1.0
    /// Nil for the optimiser's.
    var weightDecay: Double?
    var isFrozen = false
  }

  private init(_ selection: ParameterSelection, _ effect: Effect) {
    self.selection = selection
    self.effect = effect
  }

  /// Multiplies the learning rate; the factor is at least 0.
  public static func rate(times factor: Double, for selection: ParameterSelection) -> ParameterRule
  {
    expect(
      factor >= 0 && factor.isFinite, "a learning rate cannot be multiplied by \(factor)")
    return ParameterRule(selection, .rate(factor))
  }

  /// Replaces the optimiser's decay of weights; at least 0.
  public static func weightDecay(
    _ decay: Double, for selection: ParameterSelection
  ) -> ParameterRule {
    expect(decay >= 0 && decay.isFinite, "weights cannot decay by \(decay)")
    return ParameterRule(selection, .weightDecay(decay))
  }

  /// Leaves parameters as they are, and what is kept for them.
  ///
  /// Their gradients are computed nevertheless, and not used. What a frozen part computes from the data
  /// alone costs no gradient inside of `withoutRecording`.
  public static func frozen(_ selection: ParameterSelection) -> ParameterRule {
    ParameterRule(selection, .frozen(true))
  }

  /// Trains parameters that a rule before this one has frozen.
  public static func trained(_ selection: ParameterSelection) -> ParameterRule {
    ParameterRule(selection, .frozen(false))
  }

  /// Stops where the rule is about none of the parameters: a name may be misspelt.
  func expectApplies(to parameters: [NamedParameter]) {
    expect(
      parameters.contains { selection.contains($0) },
      "a rule is about \(selection.description), but that is none of \(parameters.count) parameters "
        + "(\(parameters.prefix(4).map(\.name).joined(separator: ", "))...)")
  }

  /// What the rules come to for a parameter.
  static func settings(of entry: NamedParameter, by rules: [ParameterRule]) -> Settings {
    rules.reduce(into: Settings()) { settings, rule in
      guard rule.selection.contains(entry) else { return }
      switch rule.effect {
      case .rate(let factor): settings.rateFactor = factor
      case .weightDecay(let decay): settings.weightDecay = decay
      case .frozen(let isFrozen): settings.isFrozen = isFrozen
      }
    }
  }
}
