import ImplicitLayers
import NeuralLayers
import Tensors

// The losses on which SLATE is trained.

extension SLATE {
  /// The random numbers that a forward pass needs.
  public struct Noise: Sendable {
    /// Gumbel noise of the relaxed tokens, [batch, grid, grid, vocabulary].
    public let gumbelRelaxed: Tensor
    /// Gumbel noise of the target tokens, independent of the first one; 0 chooses the most probable
    /// tokens.
    public let gumbelHard: Tensor
    /// Normal noise of the initial slots, [batch, slots, slot size].
    public let slots: Tensor

    /// Noise that is given.
    public init(gumbelRelaxed: Tensor, gumbelHard: Tensor, slots: Tensor) {
      self.gumbelRelaxed = gumbelRelaxed
      self.gumbelHard = gumbelHard
      self.slots = slots
    }

    /// Noise for a batch, in three draws.
    ///
    /// - Parameters:
    ///   - batch: the number of images.
    ///   - configuration: the model's sizes.
    ///   - drawsTargets: whether target tokens are drawn; default true, as published. If false, the
    ///     targets are the most probable tokens, and their noise is 0: once the dVAE is not trained
    ///     any more, drawn tokens only add noise that cannot be predicted.
    ///   - dtype: the dtype of the noise; default float32.
    ///   - generator: the source of the draws.
    public init(
      batch: Int, _ configuration: Configuration, drawsTargets: Bool = true,
      dtype: DType = .float32, using generator: inout Philox
    ) {
      let grid: Shape = [
        batch, configuration.gridSize, configuration.gridSize, configuration.vocabularySize,
      ]
      gumbelRelaxed = .gumbel(grid, dtype: dtype, using: &generator)
      gumbelHard =
        drawsTargets
        ? .gumbel(grid, dtype: dtype, using: &generator) : .zeros(grid, dtype: dtype)
      slots = .normal(
        [batch, configuration.slotCount, configuration.slotSize], dtype: dtype,
        using: &generator)
    }
  }

  /// The results of a forward pass.
  public struct Losses: Sendable {
    /// The dVAE's squared error, summed over pixels, channels and samples.
    public let squaredError: Tensor
    /// The cross-entropy of the predicted tokens, summed over tokens and samples.
    public let crossEntropy: Tensor
    /// The dVAE's reconstruction, [batch, height, width, 3], before it is clamped to [0, 1].
    public let reconstruction: Tensor
  }

  /// The losses of a batch.
  ///
  /// The dVAE is trained by the squared error of its relaxed reconstruction. The slots and the
  /// transformer are trained by the cross-entropy of tokens that are drawn independently, through
  /// which no gradient flows back into the dVAE.
  ///
  /// - Parameters:
  ///   - image: the images, [batch, height, width, 3].
  ///   - noise: the random draws.
  ///   - temperature: the temperature of the relaxed tokens.
  ///   - hard: whether the relaxed tokens are made one-hot with a straight-through gradient;
  ///     default false.
  ///   - context: the mode and the source of noise; in training, dropout draws from it.
  /// - Returns: sums over the batch, so that the losses of parts of a batch can be added.
  /// - Throws: what the fixed-point layer throws.
  public func losses(
    of image: Tensor, noise: Noise, temperature: Double, hard: Bool = false,
    in context: LayerContext
  ) throws -> Losses {
    let logits = dvae.logits(image)
    let reconstruction = decode(
      logits, noise: noise.gumbelRelaxed, temperature: temperature, hard: hard)
    return Losses(
      squaredError: (image - reconstruction).square().sum(),
      crossEntropy: try crossEntropy(logits: logits, noise: noise, in: context),
      reconstruction: reconstruction)
  }

  /// Only the cross-entropy of `losses` for a batch, summed over tokens and samples.
  ///
  /// No gradient reaches the dVAE, and its decoder is not applied. This is all that a training step
  /// needs once the dVAE is not trained any more.
  ///
  /// - Parameters:
  ///   - image: the images, [batch, height, width, 3].
  ///   - noise: the random draws; `gumbelRelaxed` is not used.
  ///   - context: the mode and the source of noise; in training, dropout draws from it.
  /// - Returns: a sum over the batch.
  /// - Throws: what the fixed-point layer throws.
  public func crossEntropy(
    of image: Tensor, noise: Noise, in context: LayerContext
  ) throws -> Tensor {
    try crossEntropy(
      logits: withoutRecording { dvae.logits(image) }, noise: noise, in: context)
  }

  /// The cross-entropy of tokens drawn from `logits`, [batch, grid, grid, vocabulary].
  private func crossEntropy(
    logits: Tensor, noise: Noise, in context: LayerContext
  ) throws -> Tensor {
    let targets = withoutRecording { (logits + noise.gumbelHard).argmax(alongAxis: -1) }
    let embeddings = embed(targets, batch: logits.shape[0], in: context)
    let slots = try slotAttn.slotAttention(slotInput(embeddings, noise: noise.slots))
    return crossEntropy(
      of: slots, embeddings: embeddings, targets: targets, in: context)
  }

  /// The input of slot attention for embedded tokens.
  func slotInput(_ embeddings: Tensor, noise: Tensor) -> SlotAttention.Input {
    slotAttn.input(
      embeddings.slice(1..<1 + configuration.tokenCount, alongAxis: 1), noise: noise)
  }

  /// The cross-entropy of the tokens that the transformer predicts from slots, summed over tokens
  /// and samples.
  private func crossEntropy(
    of slots: Tensor, embeddings: Tensor, targets: IntTensor, in context: LayerContext
  ) -> Tensor {
    let decoded = tfDec(
      embeddings.slice(0..<configuration.tokenCount, alongAxis: 1), memory: slotProj(slots),
      in: context)
    return out(decoded).crossEntropy(targets: targets.flattened()).sum()
  }

  /// Slot attention's part of the model on its own: its input for a batch, and the loss as a
  /// function of its result.
  ///
  /// With it, different ways to solve and to differentiate the layer can be compared on real
  /// images.
  ///
  /// - Parameters:
  ///   - image: the images, [batch, height, width, 3].
  ///   - noise: the random draws; tokens are drawn with `gumbelHard`.
  /// - Returns: the layer's input, and a function from slots [batch, slots, slot size] to the mean
  ///   cross-entropy.
  public func slotProblem(
    of image: Tensor, noise: Noise
  ) -> (input: SlotAttention.Input, loss: (_ slots: Tensor) -> Tensor) {
    let batch = image.shape[0]
    let targets = withoutRecording { (dvae.logits(image) + noise.gumbelHard).argmax(alongAxis: -1) }
    let embeddings = embed(targets, batch: batch, in: .evaluation)
    return (
      slotInput(embeddings, noise: noise.slots),
      { slots in
        let entropy = crossEntropy(
          of: slots, embeddings: embeddings, targets: targets, in: .evaluation)
        return entropy / Double(batch)
      }
    )
  }

  /// The dVAE's reconstruction through tokens drawn at a temperature, [batch, height, width, 3].
  private func decode(
    _ logits: Tensor, noise: Tensor, temperature: Double, hard: Bool
  ) -> Tensor {
    let relaxed = logits.gumbelSoftmax(noise: noise, temperature: temperature)
    return dvae.decode(hard ? relaxed.straightThroughOneHot() : relaxed)
  }

  /// Only the dVAE's squared error of `losses`, summed over pixels, channels and samples.
  public func squaredError(
    of image: Tensor, noise: Noise, temperature: Double, hard: Bool
  ) -> Tensor {
    let reconstruction = decode(
      dvae.logits(image), noise: noise.gumbelRelaxed, temperature: temperature, hard: hard)
    return (image - reconstruction).square().sum()
  }

  /// The embedded tokens after the vector for the beginning of the sequence, [batch, 1 + tokens,
  /// width].
  func embed(
    _ tokens: IntTensor, batch: Int, in context: LayerContext
  ) -> Tensor {
    let length = configuration.tokenCount
    let entries = IntTensor.concatenated(
      [.full(0, [batch, 1]), tokens.reshaped([batch, length]) + 1], alongAxis: 1)
    let vectors = dictionary.dictionary(entries)
    return Dropout(configuration.dropout)(
      vectors + positionalEncoder.positions, in: context)
  }
}

extension Tensor {
  /// The one-hot vector of each row's largest element, with the gradient of the row itself.
  func straightThroughOneHot() -> Tensor {
    let oneHot = argmax(alongAxis: -1).oneHot(classes: shape[-1], dtype: dtype)
    return self + (oneHot - detached())
  }
}
