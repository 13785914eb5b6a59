import NeuralLayers
import Tensors

/// A rule by which gradients change parameters, together with its state.
///
/// ```swift
/// var optimizer = AdamW(rate: 1e-3 * .warmup(steps: 100), rules: [.weightDecay(0, for: "*.bias")])
/// let (loss, gradients) = try model.valueWithGradient { try model(x).square().mean() }
/// optimizer.step(model, gradients: gradients)
/// ```
/// A conforming type says how one parameter changes (`updated`); which parameters change, how fast
/// and in which order is the same for all types. State is stored by the names of the parameters, so
/// an optimiser can step one module, or several whose names differ. Copies of an optimiser do not
/// share state. The same model, gradients and state give the same bits, whatever the number of
/// workers.
public protocol Optimizer: Sendable {
  /// The learning rate as a function of the number of steps taken so far.
  var rate: Schedule { get set }
  /// The decay of weights unless a rule says otherwise; at least 0.
  var weightDecay: Double { get }
  /// Exceptions for some parameters; of several rules about the same setting, the last one applies.
  var rules: [ParameterRule] { get set }
  /// The state that is kept from step to step.
  var state: OptimizerState { get set }
  /// The names of the tensors that are kept for each parameter, for example `exp_avg`. A checkpoint
  /// stores the one of the parameter NAME as `optimizer.exp_avg.NAME`.
  var keptNames: [String] { get }

  /// The value of a parameter after a step. It is called while recording is off, on any thread.
  ///
  /// - Parameters:
  ///   - value: the present value.
  ///   - gradient: the gradient of the loss before scaling, of the same shape and dtype.
  ///   - kept: the tensors of `keptNames` after the last step; zeros of the value's shape before
  ///     the first one. Changes to it are kept for the next step.
  ///   - update: rate, decay and number of the step.
  /// - Returns: a value of the same shape and dtype.
  func updated(
    _ value: Tensor, by gradient: Tensor, keeping kept: inout [Tensor], _ update: ParameterUpdate
  ) -> Tensor
}

/// How one parameter is to change in one step.
public struct ParameterUpdate: Sendable, Equatable {
  /// The learning rate.
  public let rate: Double
  /// The decay of the weight in this step.
  public let weightDecay: Double
  /// A factor for the gradient, by which norms are clipped.
  public let scale: Double
  /// The number of the parameter's own step: 1 in the first step that changes it.
  public let step: Int
}

extension Optimizer {
  /// The number of steps taken.
  public var stepCount: Int { state.stepCount }

  /// Changes every parameter of a model that has a gradient, at the rate of the schedule.
  ///
  /// - Parameters:
  ///   - model: the model that is trained. State that is not trained is not changed.
  ///   - gradients: the gradients of the loss.
  ///   - scale: multiplies every gradient; default 1. To clip, pass
  ///     `GradientNorm.clippingFactor(bound:)`.
  ///
  /// Stops when no parameter has a gradient, when a rule selects no parameter, or when a name
  /// stands for another parameter than in earlier steps.
  public mutating func step(_ model: some Module, gradients: Gradients, scale: Double = 1) {
    step(model.namedParameters, gradients: gradients, scale: scale)
  }

  /// Changes every parameter of a list that has a gradient, at the rate of the schedule.
  ///
  /// - Parameters:
  ///   - parameters: the parameters with their names, under which their state is stored. A
  ///     parameter with several names is changed once, under the first one.
  ///   - gradients: the gradients of the loss.
  ///   - scale: multiplies every gradient; default 1.
  public mutating func step(
    _ parameters: [NamedParameter], gradients: Gradients, scale: Double = 1
  ) {
    let rate = rate(state.stepCount)
    step(parameters, gradients: gradients, scale: scale) { _ in rate }
  }

  /// Changes every parameter of a list that has a gradient, at rates that a function gives.
  ///
  /// - Parameters:
  ///   - parameters: the parameters with their names, under which their state is stored. A
  ///     parameter with several names is changed once, under the first one. Parameters without a
  ///     gradient stay as they are, and so does their state.
  ///   - gradients: the gradients of the loss.
  ///   - scale: multiplies every gradient; default 1.
  ///   - rate: the learning rate of a parameter by its name, in place of the schedule's.
  /// - Complexity: a pass over each parameter, its gradient and what is kept for it; workers share
  ///   the parameters.
  ///
  /// Stops when no parameter has a gradient, when a rule selects no parameter, or when a name
  /// stands for another parameter than in earlier steps.
  public mutating func step(
    _ parameters: [NamedParameter], gradients: Gradients, scale: Double = 1,
    rate: (String) -> Double
  ) {
    let parameters = parameters.eachOnce
    expect(
      parameters.contains { gradients[$0.parameter.tensor] != nil },
      "none of \(parameters.count) parameters has a gradient in this table: the loss does not depend "
        + "on them, or it was computed before their values were last changed")
    for rule in rules { rule.expectApplies(to: parameters) }
    state.expectSameParameters(parameters)
    var steps: [ParameterStep] = []
    for entry in parameters {
      let value = entry.parameter.tensor
      let settings = ParameterRule.settings(of: entry, by: rules)
      guard let gradient = gradients[value], !settings.isFrozen else { continue }
      let kept = state.entries.removeValue(forKey: entry.name)
      let update = ParameterUpdate(
        rate: rate(entry.name) * settings.rateFactor,
        weightDecay: settings.weightDecay ?? weightDecay, scale: scale,
        step: (kept?.steps ?? 0) + 1)
      steps.append(
        ParameterStep(
          entry: entry, value: value.detached(), gradient: gradient.detached(),
          kept: kept?.kept ?? keptNames.map { _ in value.zerosLike() }, update: update))
    }
    state.stepCount += 1
    let optimizer = self
    steps.withUnsafeMutableBufferPointer { steps in
      // Each part changes only its own element.
      nonisolated(unsafe) let steps = steps
      _ = Workers.map(steps.count) { index in
        withoutRecording { steps[index].take(by: optimizer) }
      }
    }
    for step in steps {
      step.entry.parameter.assign(step.value)
      state.entries[step.entry.name] = .init(
        steps: step.update.step, kept: step.kept, parameter: step.entry.parameter)
    }
  }
}

/// What changes one parameter.
private struct ParameterStep: Sendable {
  let entry: NamedParameter
  var value: Tensor
  let gradient: Tensor
  var kept: [Tensor]
  let update: ParameterUpdate

  mutating func take(by optimizer: some Optimizer) {
    expect(
      gradient.shape == value.shape && gradient.dtype == value.dtype,
      "the parameter \(entry.name) is \(value.dtype) \(value.shape), but its gradient "
        + "\(gradient.dtype) \(gradient.shape)")
    value = optimizer.updated(value, by: gradient, keeping: &kept, update)
  }
}
