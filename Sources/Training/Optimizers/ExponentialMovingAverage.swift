import NeuralLayers
import Tensors

/// The mean of a model's weights over the last steps, which often generalises better than the weights
/// of the last step (Polyak and Juditsky 1992; with this decay, Tarvainen and Valpola 2017).
///
/// ```swift
/// var average = ExponentialMovingAverage(of: model, decay: 0.99)
/// for step in 0..<1000 {
///   optimizer.step(model, gradients: try gradients(of: loss(model)))
///   average.update(from: model)
/// }
/// let score = try average.withAverages(in: model) { try accuracy(model) }
/// ```
/// average <- average + (1 - decay) (weight - average), beginning with the weights at the time of
/// its creation; about the last 1 / (1 - decay) steps count. State that is not trained, such as
/// running statistics, is copied at each update. The average takes the memory of the model's
/// numbers.
public struct ExponentialMovingAverage: Sendable {
  /// The share of the average that an update keeps, in [0, 1].
  public let decay: Double
  /// The number of updates.
  public internal(set) var stepCount = 0
  /// The averages by the first name of each parameter.
  var averages: [String: Tensor]

  /// An average that begins with a model's weights.
  ///
  /// - Parameters:
  ///   - model: the model that will be trained.
  ///   - decay: the share of the average that an update keeps; default 0.999, about the last
  ///     thousand steps.
  public init(of model: some Module, decay: Double = 0.999) {
    expect((0...1).contains(decay), "the decay of an average lies in [0, 1], not at \(decay)")
    self.decay = decay
    averages = Dictionary(
      uniqueKeysWithValues: model.namedParameters.eachOnce.map {
        ($0.name, $0.parameter.tensor.detached())
      })
  }

  /// Updates the average with the weights after a step.
  ///
  /// - Complexity: a pass over the model's numbers; workers share the parameters.
  ///
  /// Stops when the model has other parameters than the average.
  public mutating func update(from model: some Module) {
    let parameters = matched(model)
    let (decay, averages) = (decay, averages)
    let updated = Workers.map(parameters.count) { index in
      withoutRecording { () -> Tensor in
        let (entry, value) = (parameters[index], parameters[index].parameter.tensor.detached())
        guard entry.parameter.isTrained, let average = averages[entry.name] else { return value }
        return average + (value - average.converted(to: value.dtype)) * (1 - decay)
      }
    }
    for (entry, value) in zip(parameters, updated) { self.averages[entry.name] = value }
    stepCount += 1
  }

  /// Gives a model the averages as its weights.
  ///
  /// Stops when the model has other parameters than the average.
  public func assign(to model: some Module) {
    for entry in matched(model) {
      if let average = averages[entry.name] { entry.parameter.assign(average) }
    }
  }

  /// Runs `body` while the model has the averages as its weights; afterwards it has its own again.
  ///
  /// - Returns: what `body` returns.
  /// - Throws: what `body` throws; the model has its own weights then, too.
  public func withAverages<Model: Module, Result>(
    in model: Model, _ body: () throws -> Result
  ) rethrows -> Result {
    let own = model.namedParameters.eachOnce.map { ($0.parameter, $0.parameter.tensor) }
    assign(to: model)
    defer { for (parameter, value) in own { parameter.assign(value) } }
    return try body()
  }

  /// The parameters of the model, after a check that the average has the same ones.
  private func matched(_ model: some Module) -> [NamedParameter] {
    let parameters = model.namedParameters.eachOnce
    for entry in parameters {
      let shape = averages[entry.name]?.shape
      expect(
        shape == entry.parameter.shape,
        shape.map {
          "the average of \(entry.name) has shape \($0), but the parameter \(entry.parameter.shape)"
        } ?? "the average is of another model: it has no \(entry.name)")
    }
    expect(
      parameters.count == averages.count,
      "the average has \(averages.count) parameters, but the model \(parameters.count)")
    return parameters
  }
}
