import Tensors

/// The Adam optimiser (Kingma and Ba 2015, algorithm 1).
///
/// ```swift
/// var optimizer = Adam(rate: 3e-4)
/// optimizer.step(model, gradients: try gradients(of: loss))
/// ```
/// With g the gradient and t the parameter's step: m <- beta1 m + (1 - beta1) g,
/// v <- beta2 v + (1 - beta2) g^2, w <- w - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) +
/// epsilon). It keeps m as `exp_avg` and v as `exp_avg_sq`: twice the model's memory.
public struct Adam: Optimizer {
  /// The learning rate as a function of the number of steps taken so far.
  public var rate: Schedule
  /// Exceptions for some parameters; of several rules about the same setting, the last one applies.
  public var rules: [ParameterRule]
  /// The state that is kept from step to step.
  public var state = OptimizerState()
  /// The decay rates of the mean gradient and of the mean squared gradient, in [0, 1).
  public let betas: (Double, Double)
  /// A positive number that keeps the quotient defined.
  public let epsilon: Double
  /// The multiple of the weight that is added to its gradient.
  ///
  /// It passes through the moments; the decay of `AdamW` does not.
  public let weightDecay: Double

  /// An optimiser before its first step.
  ///
  /// - Parameters:
  ///   - rate: the learning rate; default 1e-3.
  ///   - betas: the decay rates of both means; default 0.9 and 0.999.
  ///   - epsilon: keeps the quotient defined; default 1e-8.
  ///   - weightDecay: the multiple of the weight that is added to its gradient; default 0.
  ///   - rules: exceptions for some parameters; default none.
  public init(
    rate: Schedule = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, rules: [ParameterRule] = []
  ) {
    expect(
      (0..<1).contains(betas.0) && (0..<1).contains(betas.1) && epsilon > 0,
      "Adam needs betas in [0, 1) and a positive epsilon, not \(betas) and \(epsilon)")
    expect(weightDecay >= 0 && weightDecay.isFinite, "weights cannot decay by \(weightDecay)")
    self.rate = rate
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.rules = rules
  }

  /// The names `exp_avg` and `exp_avg_sq`.
  public var keptNames: [String] { ["exp_avg", "exp_avg_sq"] }

  /// One step of algorithm 1 for a parameter, its moments changed in place.
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
    var (gradient, scale) = (gradient, update.scale)
    if update.weightDecay > 0 {
      gradient = gradient * scale + value * update.weightDecay
      scale = 1
    }
    var moments = AdamMoments(first: kept[0], second: kept[1])
    // The moments are changed in place, because nothing else refers to them now.
    kept.removeAll()
    defer { kept = [moments.first, moments.second] }
    return moments.step(
      value, gradient: gradient, scale: scale, rate: update.rate, betas: betas,
      epsilon: epsilon, step: update.step)
  }
}
