import Tensors

/// Gradient descent, optionally with momentum (Polyak 1964; Sutskever, Martens, Dahl and Hinton
/// 2013).
///
/// ```swift
/// var optimizer = SGD(rate: 0.1 * .cosine(from: 1, to: 0, steps: 2000), momentum: .nesterov(0.9))
/// ```
/// With g the gradient plus `weightDecay` times the weight, and u the velocity: u <- mu u + g, and
/// w <- w - rate u, or w <- w - rate (g + mu u) with Nesterov's momentum; without momentum w <- w -
/// rate g. It keeps u as `momentum_buffer`, which is as large as the model; without momentum it
/// keeps nothing.
public struct SGD: Optimizer {
  /// How earlier steps contribute to a step.
  public enum Momentum: Sendable, Equatable {
    /// Earlier steps do not contribute.
    case none
    /// The velocity of the last step contributes, times a factor in [0, 1).
    case heavyBall(Double)
    /// As `heavyBall`, but the step goes to where the velocity is going to lead.
    case nesterov(Double)
  }

  /// The learning rate as a function of the number of steps taken so far.
  public var rate: Schedule
  /// Exceptions for some parameters; of several rules about the same setting, the last one applies.
  public var rules: [ParameterRule]
  /// The state that is kept from step to step.
  public var state = OptimizerState()
  /// How earlier steps contribute to a step.
  public let momentum: Momentum
  /// The multiple of the weight that is added to its gradient.
  public let weightDecay: Double

  /// An optimiser before its first step.
  ///
  /// - Parameters:
  ///   - rate: the learning rate. It has no default, because it depends on the scale of the loss.
  ///   - momentum: how earlier steps contribute; default not at all.
  ///   - weightDecay: the multiple of the weight that is added to its gradient; default 0.
  ///   - rules: exceptions for some parameters; default none.
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

  /// The name `momentum_buffer`; nothing without momentum.
  public var keptNames: [String] { momentum == .none ? [] : ["momentum_buffer"] }

  /// One step for a parameter: a pass over it for each of decay, velocity and value.
  ///
  /// - Parameters:
  ///   - value: the present value.
  ///   - gradient: the gradient, before scaling.
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
  /// The factor mu; nil without momentum.
  fileprivate var factor: Double? {
    switch self {
    case .none: nil
    case .heavyBall(let factor), .nesterov(let factor): factor
    }
  }
}
