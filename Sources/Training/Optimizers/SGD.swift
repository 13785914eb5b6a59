import Tensors

/// Gradient descent, with momentum if asked (Polyak 1964; Sutskever, Martens, Dahl and Hinton 2013).
///
/// ```swift
/// var optimizer = SGD(rate: 0.1 * .cosine(from: 1, to: 0, steps: 2000), momentum: .nesterov(0.9))
/// ```
/// With g the gradient plus `weightDecay` times the weight, and u the velocity: u <- mu u + g, and
/// w <- w - rate u, or w - rate (g + mu u) as Nesterov has it; without momentum w <- w - rate g. It keeps
/// u as `momentum_buffer`, as large as the model; without momentum nothing.
public struct SGD: Optimizer {
  /// What a step has from the steps before it.
  public enum Momentum: Sendable, Equatable {
    /// Nothing.
    case none
    /// The velocity of the last step times a factor in [0, 1).
    case heavyBall(Double)
    /// The same, and the step goes where the velocity will lead.
    case nesterov(Double)
  }

  /// The learning rate by the number of steps taken before.
  public var rate: Schedule
  /// What holds for some parameters only; of several rules about one thing the last one counts.
  public var rules: [ParameterRule]
  /// What is remembered from step to step.
  public var state = OptimizerState()
  /// What a step has from the steps before it.
  public let momentum: Momentum
  /// What is added to the gradient for each unit of the weight.
  public let weightDecay: Double

  /// An optimiser before its first step.
  ///
  /// - Parameters:
  ///   - rate: the learning rate. There is no default: it has the scale of the loss.
  ///   - momentum: default none.
  ///   - weightDecay: default 0.
  ///   - rules: what holds for some parameters only; default none.
  public init(
    rate: Schedule, momentum: Momentum = .none, weightDecay: Double = 0,
    rules: [ParameterRule] = []
  ) {
    expect(
      momentum.factor.map { (0..<1).contains($0) } ?? true,
      "a momentum lies in [0, 1), not at \(momentum.factor ?? 0)")
    expect(weightDecay >= 0 && weightDecay.isFinite, "weights cannot decay by \(weightDecay)")
    self.rate = rate
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.rules = rules
  }

  /// `momentum_buffer`, or nothing without momentum.
  public var keptNames: [String] { momentum == .none ? [] : ["momentum_buffer"] }

  /// One step for a parameter: a pass over it for each of decay, velocity and value.
  ///
  /// - Parameters:
  ///   - value: the value now.
  ///   - gradient: as it was measured.
  ///   - kept: the tensors of `keptNames`.
  ///   - update: rate, decay and number of the step.
  /// - Returns: the value after the step.
  public func updated(
    _ value: Tensor, by gradient: Tensor, keeping kept: inout [Tensor], _ update: ParameterUpdate
  ) -> Tensor {
    var g = update.scale == 1 ? gradient : gradient * update.scale
    if update.weightDecay > 0 { g = g + value * update.weightDecay }
    guard let factor = momentum.factor else { return value - g * update.rate }
    let velocity = kept[0] * factor + g
    kept[0] = velocity
    if case .nesterov = momentum { return value - (g + velocity * factor) * update.rate }
    return value - velocity * update.rate
  }
}

extension SGD.Momentum {
  /// mu; nil without momentum.
  fileprivate var factor: Double? {
    switch self {
    case .none: nil
    case .heavyBall(let factor), .nesterov(let factor): factor
    }
  }
}
