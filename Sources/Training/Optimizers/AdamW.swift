import Tensors

/// Adam with a weight decay that is separate from the gradient (Loshchilov and Hutter 2019,
/// algorithm 2).
///
/// ```swift
/// var optimizer = AdamW(rate: 1e-3, weightDecay: 0.05, rules: [.weightDecay(0, for: "*.bias")])
/// ```
/// Before each step of Adam, w <- (1 - rate decay) w. Unlike in `Adam(weightDecay:)`, the decay is
/// not divided by the mean squared gradient, so it is the same for all weights. As in common
/// libraries, the rate multiplies the decay.
public struct AdamW: Optimizer {
  private var adam: Adam
  /// The decay of weights in a step, as a multiple of the rate.
  public let weightDecay: Double

  /// An optimiser before its first step.
  ///
  /// - Parameters:
  ///   - rate: the learning rate; default 1e-3.
  ///   - betas: the decay rates of both means; default 0.9 and 0.999.
  ///   - epsilon: keeps the quotient defined; default 1e-8.
  ///   - weightDecay: the decay of weights, as a multiple of the rate; default 0.01.
  ///   - rules: exceptions for some parameters; default none.
  public init(
    rate: Schedule = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0.01, rules: [ParameterRule] = []
  ) {
    expect(weightDecay >= 0 && weightDecay.isFinite, "weights cannot decay by \(weightDecay)")
    adam = Adam(rate: rate, betas: betas, epsilon: epsilon, rules: rules)
    self.weightDecay = weightDecay
  }

  /// The learning rate as a function of the number of steps taken so far.
  public var rate: Schedule {
    get { adam.rate }
    set { adam.rate = newValue }
  }
  /// Exceptions for some parameters; of several rules about the same setting, the last one applies.
  public var rules: [ParameterRule] {
    get { adam.rules }
    set { adam.rules = newValue }
  }
  /// The state that is kept from step to step.
  public var state: OptimizerState {
    get { adam.state }
    _modify { yield &adam.state }
  }
  /// The names `exp_avg` and `exp_avg_sq`, as in `Adam`.
  public var keptNames: [String] { adam.keptNames }

  /// The decay, and then one step of Adam.
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
    let shrunk = update.rate * update.weightDecay
    let undecayed = ParameterUpdate(
      rate: update.rate, weightDecay: 0, scale: update.scale, step: update.step)
    return adam.updated(
      shrunk == 0 ? value : value * (1 - shrunk), by: gradient, keeping: &kept, undecayed)
  }
}
