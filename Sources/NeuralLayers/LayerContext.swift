import Tensors

/// What a layer has to know beside its input: whether this is training, and what to draw from.
///
/// ```swift
/// let context = LayerContext.training(noise: Philox(seed: 3).substream(UInt64(step)))
/// let table = try gradients(of: loss(model(x, in: context)))
/// optimizer.step(model.namedParameters, gradients: table) { _ in 1e-3 }
/// context.statistics.commit()          // what batch norms have seen
/// let answer = try model(x, in: .evaluation)
/// ```
/// A context is handed down from layer to layer. In training, dropout draws from its noise, so that one
/// generator decides about all masks of a pass; batch norms use the statistics of the batch and leave them
/// here. In evaluation, nothing is drawn and nothing observed: a layer is a function of its input.
///
/// One context is for one pass on one thread: workers that share a batch have a context each, made from
/// `noise.startingAtSample(first)`, and hand back its `statistics`. What is computed again on the way back
/// (`recomputed`) has to make its context itself, from a copy of the generator, or other numbers would be
/// drawn there: a context from outside stops. The step of a fixed point has to be a function, too: draw a
/// `Dropout.mask` before.
public final class LayerContext {
  /// Whether the pass is part of training.
  public let isTraining: Bool
  /// What batch norms have seen in this pass.
  public private(set) var statistics = BatchStatistics()
  private var noise: Philox?
  private let run = RecomputedRun.current

  /// A context.
  ///
  /// - Parameters:
  ///   - isTraining: whether the pass is part of training.
  ///   - noise: what layers draw from in training; default nil, for models in which none draws.
  public init(isTraining: Bool, noise: Philox? = nil) {
    self.isTraining = isTraining
    self.noise = noise
  }

  /// A context of a pass that is not part of training; gradients may be taken all the same.
  public static var evaluation: LayerContext { LayerContext(isTraining: false) }

  /// A context of one pass of training.
  ///
  /// - Parameter noise: what layers draw from; default nil, for models in which none draws.
  /// - Returns: a new context.
  public static func training(noise: Philox? = nil) -> LayerContext {
    LayerContext(isTraining: true, noise: noise)
  }

  /// What `body` makes of the noise, which moves on; nil in evaluation.
  ///
  /// ```swift
  /// let noisy = context.draw(for: "my layer") { x + 0.1 * .normal(x.shape, using: &$0) } ?? x
  /// ```
  /// Stops in training without noise, and in `recomputed` where the context was made outside.
  ///
  /// - Parameters:
  ///   - layer: who draws, for the message.
  ///   - body: draws.
  /// - Returns: what `body` returns, or nil outside of training.
  /// - Throws: what `body` throws.
  public func draw<Result>(
    for layer: @autoclosure () -> String, _ body: (inout Philox) throws -> Result
  ) rethrows -> Result? {
    guard isTraining else { return nil }
    guard var generator = noise else {
      callerMistake(
        "\(layer()) draws random numbers in training, but the context has no noise: make it by "
          + "LayerContext.training(noise: Philox(seed: ...))")
    }
    expectMadeHere(layer())
    defer { noise = generator }
    return try body(&generator)
  }

  /// Stops where what is done now is done again with this context.
  private func expectMadeHere(_ layer: @autoclosure () -> String) {
    expect(
      RecomputedRun.current === run,
      "\(layer()) is computed again on the way back, with a context that has moved on meanwhile: make the "
        + "context inside of `recomputed`, from a copy of the generator")
  }

  /// Notes what a batch norm has seen; nothing in evaluation.
  func observe(_ observation: BatchStatistics.Observation) {
    guard isTraining else { return }
    expectMadeHere("a batch norm in training")
    statistics.observations.append(observation)
  }
}

/// The means and variances that batch norms have seen in a pass, until they are committed.
///
/// A layer does not change while it is applied, on whatever thread and however often: what it has seen is
/// kept here, and moves the running statistics in `commit`, between training steps, like an optimiser's step.
public struct BatchStatistics: Sendable {
  /// The statistics that one application of one layer has seen.
  struct Observation: Sendable {
    let layer: BatchNorm
    let mean: Tensor
    let variance: Tensor
  }

  var observations: [Observation] = []

  /// The number of applications of batch norms.
  public var count: Int { observations.count }

  /// Makes statistics of which nothing has been seen yet.
  public init() {}

  /// Appends what was seen in another pass, say of another part of the batch.
  public mutating func append(_ other: BatchStatistics) { observations += other.observations }

  /// Moves the running statistics of each layer, once for each application, in order.
  ///
  /// Must not run while another thread uses the layers; commit a pass once.
  public func commit() {
    withoutRecording {
      for observation in observations {
        observation.layer.move(towards: observation.mean, observation.variance)
      }
    }
  }
}
