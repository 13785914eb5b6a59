import Tensors

/// What a layer needs besides its input: whether the pass is part of training, and a source of
/// random numbers.
///
/// ```swift
/// let context = LayerContext.training(noise: Philox(seed: 3).substream(UInt64(step)))
/// let table = try gradients(of: loss(model(x, in: context)))
/// optimizer.step(model.namedParameters, gradients: table) { _ in 1e-3 }
/// context.statistics.commit()          // what batch norms have seen
/// let answer = try model(x, in: .evaluation)
/// ```
/// A context is handed down from layer to layer. In training, dropout draws from its noise, so one
/// generator determines all masks of a pass; batch norms use the statistics of the batch, and
/// record them in the context. In evaluation, nothing is drawn and nothing recorded: a layer is a
/// function of its input.
///
/// One context serves one pass on one thread. Workers that share a batch have a context each, made
/// from `noise.startingAtSample(first)`, and return its `statistics`. A computation that is run
/// again in the backward pass (`recomputed`) must make its own context from a copy of the
/// generator, because otherwise it would draw other numbers; a context from outside stops the
/// process there. The step of a fixed point must be a function too: draw a `Dropout.mask` before
/// the solve.
public final class LayerContext {
  /// Whether the pass is part of training.
  public let isTraining: Bool
  /// The statistics that batch norms have recorded in this pass.
  public private(set) var statistics = BatchStatistics()
  private var noise: Philox?
  private let run = RecomputedRun.current

  /// A context.
  ///
  /// - Parameters:
  ///   - isTraining: whether the pass is part of training.
  ///   - noise: the source of random numbers in training; default nil, for models that draw none.
  public init(isTraining: Bool, noise: Philox? = nil) {
    self.isTraining = isTraining
    self.noise = noise
  }

  /// A context for evaluation; gradients may be taken all the same.
  public static var evaluation: LayerContext { LayerContext(isTraining: false) }

  /// A context of one pass of training.
  ///
  /// - Parameter noise: the source of random numbers; default nil, for models that draw none.
  /// - Returns: a new context.
  public static func training(noise: Philox? = nil) -> LayerContext {
    LayerContext(isTraining: true, noise: noise)
  }

  /// The result of `body` for the noise, which advances; nil in evaluation.
  ///
  /// ```swift
  /// let noisy = context.draw(for: "my layer") { x + 0.1 * .normal(x.shape, using: &$0) } ?? x
  /// ```
  /// Stops in training if there is no noise, and in `recomputed` if the context was made outside of
  /// it.
  ///
  /// - Parameters:
  ///   - layer: the name of the layer that draws, for the message.
  ///   - body: draws from the generator that it is given.
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

  /// Stops when this computation is going to be run again with the same context.
  private func expectMadeHere(_ layer: @autoclosure () -> String) {
    expect(
      RecomputedRun.current === run,
      "\(layer()) is computed again on the way back, with a context that has moved on meanwhile: make the "
        + "context inside of `recomputed`, from a copy of the generator")
  }

  /// Records the statistics of a batch norm; does nothing in evaluation.
  func observe(_ observation: BatchStatistics.Observation) {
    guard isTraining else { return }
    expectMadeHere("a batch norm in training")
    statistics.observations.append(observation)
  }
}

/// The means and variances that batch norms have recorded in a pass, until they are committed.
///
/// A layer does not change while it is applied, on whatever thread and however often. Its
/// statistics are recorded here, and `commit` moves the running statistics between training steps,
/// as an optimiser moves the parameters.
public struct BatchStatistics: Sendable {
  /// The statistics of one application of one layer.
  struct Observation: Sendable {
    let layer: BatchNorm
    let mean: Tensor
    let variance: Tensor
  }

  var observations: [Observation] = []

  /// The number of applications of batch norms.
  public var count: Int { observations.count }

  /// An empty record.
  public init() {}

  /// Appends the record of another pass, for example of another part of the batch.
  public mutating func append(_ other: BatchStatistics) { observations += other.observations }

  /// Moves the running statistics of each layer, once for each application, in order.
  ///
  /// It must not run while another thread uses the layers. Commit each pass only once.
  public func commit() {
    withoutRecording {
      for observation in observations {
        observation.layer.move(towards: observation.mean, observation.variance)
      }
    }
  }
}
