import NeuralLayers
import Tensors

/// A setting of an optimiser that differs for some parameters.
///
/// ```swift
/// let rules: [ParameterRule] = [
///   .rate(times: 0.1, for: .of(model.encoder)), .weightDecay(0, for: "*.bias"), .frozen("head.*"),
/// ]
/// ```
/// Each rule is about one setting. If several rules about the same setting select a parameter, the
/// last one applies, so a general rule stands before its exceptions.
public struct ParameterRule: Sendable {
  /// The parameters that the rule selects.
  public let selection: ParameterSelection
  private let effect: Effect

  private enum Effect: Sendable {
    case rate(Double)
    case weightDecay(Double)
    case frozen(Bool)
  }

  /// The result of all rules for one parameter.
  struct Settings: Equatable {
    var rateFactor = 1.0
    /// Nil for the optimiser's own decay.
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

  /// Replaces the optimiser's decay of weights by a number that is at least 0.
  public static func weightDecay(
    _ decay: Double, for selection: ParameterSelection
  ) -> ParameterRule {
    expect(decay >= 0 && decay.isFinite, "weights cannot decay by \(decay)")
    return ParameterRule(selection, .weightDecay(decay))
  }

  /// Does not change the parameters, nor the state that is kept for them.
  ///
  /// Their gradients are computed nevertheless, but not used. If a frozen part depends on the data
  /// alone, compute it inside of `withoutRecording`: then no gradients are computed for it.
  public static func frozen(_ selection: ParameterSelection) -> ParameterRule {
    ParameterRule(selection, .frozen(true))
  }

  /// Trains parameters that an earlier rule has frozen.
  public static func trained(_ selection: ParameterSelection) -> ParameterRule {
    ParameterRule(selection, .frozen(false))
  }

  /// Stops when the rule selects none of the parameters, because a name may be misspelt.
  func expectApplies(to parameters: [NamedParameter]) {
    expect(
      parameters.contains { selection.contains($0) },
      "a rule is about \(selection.description), but that is none of \(parameters.count) parameters "
        + "(\(parameters.prefix(4).map(\.name).joined(separator: ", "))...)")
  }

  /// The result of all rules for a parameter.
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
