import NeuralLayers
import ObjectCentric
import Tensors

/// The losses of a training step's images, and their gradients.
///
/// Image i of a step gets the same noise however the step is divided into batches, shares of
/// workers and chunks of shares.
struct StepLosses: Sendable {
  let model: SLATE
  let configuration: RunConfiguration
  /// The number of steps before this one.
  let step: Int
  /// The weight of an image's loss in the gradient.
  let share: Double
  /// The noise of the step.
  let noise: Philox

  /// Sums over some of the images.
  struct Sums: Sendable {
    /// The cross-entropy; nil if only the dVAE is trained.
    var crossEntropy: Double?
    /// The squared error of the dVAE; nil if the dVAE is not trained any more.
    var squaredError: Double?
    var gradients = Gradients()
  }

  /// Sums over a batch, one for each worker's share.
  ///
  /// The caller adds their gradients in the order of the shares.
  ///
  /// - Parameters:
  ///   - images: [batch, height, width, 3].
  ///   - first: the number of the batch's first image in the step.
  ///   - chunk: the number of images that a worker differentiates at once; default the model's own
  ///     choice.
  /// - Returns: the sums; the number of workers and the chunk change them only by rounding.
  /// - Throws: what the fixed-point layer throws.
  func sums(over images: Tensor, first: Int, inChunksOf chunk: Int? = nil) throws -> [Sums] {
    try Workers.reduceRanges(
      of: images.shape[0], inChunksOf: chunk ?? configuration.model.imagesOfAChunk, into: Sums()
    ) { sums, range in
      try add(images.slice(range), first: first + range.lowerBound, to: &sums)
    }
  }

  private func add(_ images: Tensor, first: Int, to sums: inout Sums) throws {
    var draws = noise.substream(0).startingAtSample(first)
    let context = LayerContext.training(noise: noise.substream(1).startingAtSample(first))
    let given = configuration.noise(batch: images.shape[0], dtype: images.dtype, using: &draws)
    let temperature = configuration.temperature(at: step)
    switch configuration.trainedPart(at: step) {
    case .everything:
      let losses = try model.losses(
        of: images, noise: given, temperature: temperature, hard: configuration.hard, in: context)
      sums.crossEntropy = (sums.crossEntropy ?? 0) + losses.crossEntropy.scalar
      sums.squaredError = (sums.squaredError ?? 0) + losses.squaredError.scalar
      try sums.gradients.add(gradientsOf: (losses.squaredError + losses.crossEntropy) * share)
    case .autoencoder:
      let loss = model.squaredError(
        of: images, noise: given, temperature: temperature, hard: configuration.hard)
      sums.squaredError = (sums.squaredError ?? 0) + loss.scalar
      try sums.gradients.add(gradientsOf: loss * share)
    case .slots:
      let loss = try model.crossEntropy(of: images, noise: given, in: context)
      sums.crossEntropy = (sums.crossEntropy ?? 0) + loss.scalar
      try sums.gradients.add(gradientsOf: loss * share)
    }
  }
}
