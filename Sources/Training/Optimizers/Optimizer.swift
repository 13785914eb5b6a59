import NeuralLayers
import Tensors

/// A rule by which gradients change parameters, and what it remembers from step to step.
///
/// ```swift
/// var optimizer = AdamW(rate: 1e-3 * .warmup(steps: 100), rules: [.weightDecay(0, for: "*.bias")])
/// let (loss, gradients) = try model.valueWithGradient { try model(x).square().mean() }
/// optimizer.step(model, gradients: gradients)
/// ```
/// A conforming type says how one parameter moves (`updated`); which parameters move, how fast, and in
/// which order is the same for all. State is kept by the parameters' names, so that an optimiser steps one
/// module, or several whose names differ. A copy of an optimiser does not share its state. The same
/// model, gradients and state give the same bits, whatever the number of workers.
public protocol Optimizer: Sendable {
  /// The learning rate by the number of steps taken before.
  var rate: Schedule { get set }
  /// The decay of weights where no rule says otherwise, at least 0.
  var weightDecay: Double { get }
  /// What holds for some parameters only; of several rules about one thing the last one counts.
  var rules: [ParameterRule] { get set }
  /// What is remembered.
  var state: OptimizerState { get set }
  /// What the tensors are called that are kept for each parameter, for example `exp_avg`: in a
  /// checkpoint, that of the parameter NAME is `optimizer.exp_avg.NAME`.
  var keptNames: [String] { get }

  /// The value of a parameter after a step; it is called outside of the tape, on any thread.
  ///
  /// - Parameters:
  ///   - value: the value now.
  ///   - gradient: of the loss, of the same shape and dtype, as it was measured.
  ///   - kept: the tensors of `keptNames` from the last step, zeros of the value's shape before the
  ///     first; what it holds afterwards is there in the next step.
  ///   - update: rate, decay and number of the step.
  /// - Returns: a value of the same shape and dtype.
  func updated(
    _ value: Tensor, by gradient: Tensor, keeping kept: inout [Tensor], _ update: ParameterUpdate
  ) -> Tensor
}

/// How one parameter is to be changed in one step.
public struct ParameterUpdate: Sendable, Equatable {
  /// The learning rate.
  public let rate: Double
  /// The decay of the weight.
  public let weightDecay: Double
  /// What gradients are multiplied by first: clipping.
  public let scale: Double
  /// 1 in the parameter's first step, whenever that is.
  public let step: Int
}

extension Optimizer {
  /// The number of steps taken.
  public var stepCount: Int { state.stepCount }

  /// Changes every parameter of a model that has a gradient, at the rate of the schedule.
  ///
  /// - Parameters:
  ///   - model: what is trained. State that is not trained is left alone.
  ///   - gradients: of the loss.
  ///   - scale: multiplies every gradient; default 1. This is how clipping enters:
  ///     `GradientNorm.clippingFactor(bound:)`.
  ///
  /// Stops when no parameter has a gradient, a rule is about no parameter, or a name stands for another
  /// parameter than in the steps before.
  public mutating func step(_ model: some Module, gradients: Gradients, scale: Double = 1) {
    step(model.namedParameters, gradients: gradients, scale: scale)
  }

  /// Changes every parameter of a list that has a gradient, at the rate of the schedule.
  ///
  /// - Parameters:
  ///   - parameters: with their names, under which their state is kept; one that occurs under
  ///     several names is changed once, under the first.
  ///   - gradients: of the loss.
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
  ///   - parameters: with their names, under which their state is kept; one that occurs under
  ///     several names is changed once, under the first. Those without a gradient are left as they
  ///     are, and so is their state.
  ///   - gradients: of the loss.
  ///   - scale: multiplies every gradient; default 1.
  ///   - rate: the learning rate of a parameter by its name, in place of the schedule's.
  /// - Complexity: a pass over each parameter, its gradient and what is kept for it; workers share
  ///   the parameters.
  ///
  /// Stops when no parameter has a gradient, a rule is about no parameter, or a name stands for another
  /// parameter than in the steps before.
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
      // Each part changes its own element.
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
