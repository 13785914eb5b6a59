import ImplicitLayers
import NeuralLayers
import Tensors

// What SLATE is trained on.

extension SLATE {
  /// The random numbers that a forward pass needs.
  public struct Noise: Sendable {
    /// Gumbel noise of the relaxed tokens, [batch, grid, grid, vocabulary].
    public let gumbelRelaxed: Tensor
    /// Gumbel noise of the target tokens, independent of the first, or 0 for the likeliest tokens.
    public let gumbelHard: Tensor
    /// Normal noise of the initial slots, [batch, slots, slot size].
    public let slots: Tensor

    /// Given noise.
    public init(gumbelRelaxed: Tensor, gumbelHard: Tensor, slots: Tensor) {
      self.gumbelRelaxed = gumbelRelaxed
      self.gumbelHard = gumbelHard
      self.slots = slots
    }

    /// Noise for a batch: three draws.
    ///
    /// - Parameters:
    ///   - batch: the number of images.
    ///   - configuration: the model's sizes.
    ///   - drawsTargets: whether target tokens are drawn, as published and by default; otherwise they
    ///     are the likeliest ones, and their noise is 0. Where the dVAE is not trained any more, drawn
    ///     tokens only add what cannot be predicted.
    ///   - dtype: default float32.
    ///   - generator: of the draws.
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

  /// What a forward pass yields.
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
  /// The dVAE is trained by the squared error of its relaxed reconstruction; the slots and the
  /// transformer by the cross-entropy of tokens drawn independently, through which no gradient
  /// flows back into the dVAE.
  ///
  /// - Parameters:
  ///   - image: [batch, height, width, 3].
  ///   - noise: the random draws.
  ///   - temperature: of the relaxed tokens.
  ///   - hard: whether relaxed tokens are made one-hot, straight-through; default false.
  ///   - context: in training, dropout draws from its noise.
  /// - Returns: sums over the batch, so that parts of a batch add up.
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

  /// The cross-entropy of a batch alone, summed over tokens and samples; as in `losses`.
  ///
  /// No gradient reaches the dVAE, and its decoder is not applied: what is left of a step where the
  /// dVAE stays as it is.
  ///
  /// - Parameters:
  ///   - image: [batch, height, width, 3].
  ///   - noise: the random draws; `gumbelRelaxed` is not looked at.
  ///   - context: in training, dropout draws from its noise.
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

  /// What slot attention starts from, given embedded tokens.
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

  /// Slot attention's part of the model on its own: what it is given for a batch, and the loss as a
  /// function of the slots that it returns.
  ///
  /// With it, ways to solve and to differentiate the layer can be compared on real images.
  ///
  /// - Parameters:
  ///   - image: [batch, height, width, 3].
  ///   - noise: the random draws; tokens are drawn with `gumbelHard`.
  /// - Returns: the layer's input; slots [batch, slots, slot size] to the mean cross-entropy.
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

  /// The dVAE's squared error alone, summed over pixels, channels and samples; as in `losses`.
  public func squaredError(
    of image: Tensor, noise: Noise, temperature: Double, hard: Bool
  ) -> Tensor {
    let reconstruction = decode(
      dvae.logits(image), noise: noise.gumbelRelaxed, temperature: temperature, hard: hard)
    return (image - reconstruction).square().sum()
  }

  /// Embedded tokens behind the beginning of the sequence, [batch, 1 + tokens, width].
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
