import ImplicitLayers
import NeuralLayers
import Tensors

/// SLATE: slots from image tokens, and the tokens back from the slots (Singh, Deng and Ahn,
/// "Illiterate DALL-E Learns to Compose", 2021), with slot attention as a fixed-point layer.
///
/// A discrete autoencoder turns the image into a grid of tokens; slot attention groups their
/// embeddings into slots; a transformer predicts the tokens one after the other from the slots.
/// Parameters carry the names of the published state dictionary, so checkpoints interchange.
/// Images are channels-last, [batch, height, width, 3], in [0, 1].
public struct SLATE: Module {
  /// The sizes of a model.
  public struct Configuration: Sendable, Equatable, Codable {
    /// Width and height of the image; a multiple of 4.
    public var imageSize = 64
    /// The number of different tokens.
    public var vocabularySize = 1024
    /// The width of embeddings and transformer.
    public var modelSize = 192
    /// The number of slots.
    public var slotCount = 3
    /// The width of a slot.
    public var slotSize = 192
    /// The hidden width of slot attention's perceptron.
    public var mlpHiddenSize = 192
    /// The number of transformer blocks.
    public var decoderBlocks = 4
    /// The heads of the transformer.
    public var heads = 4
    /// The heads of slot attention.
    public var slotHeads = 1
    /// The dropout rate of embeddings and transformer in training.
    public var dropout = 0.1
    /// Where slots start.
    public var slotInitialization = SlotInitialization.random
    /// The deviation of the positions' initial values; 1 as published.
    ///
    /// Token embeddings have deviation 1: smaller positions let slots first compete by what tokens
    /// show rather than by where they are.
    public var positionDeviation = 1.0

    /// The published defaults for 3D Shapes.
    public init() {}

    /// Width and height of the grid of tokens.
    public var gridSize: Int { imageSize / 4 }
    /// The number of tokens of an image.
    public var tokenCount: Int { gridSize * gridSize }
  }

  /// Where slots start.
  public enum SlotInitialization: String, Sendable, Codable, CaseIterable {
    /// mu + exp(log sigma) * noise, with mu and sigma shared by all slots, as published.
    case random
    /// A trained vector for each slot (Jia, Liu and Huang, "Improving Object-centric Learning with
    /// Query Optimization", 2023): slots keep their roles from image to image.
    ///
    /// Implicit gradients do not reach it: use the straight-through estimator, or unroll.
    case learned
  }

  /// The sizes.
  public let configuration: Configuration
  /// Image to tokens and back.
  public let dvae: DiscreteVAE
  let dictionary: TokenDictionary
  let positionalEncoder: PositionalEncoder
  /// Embedded tokens to slots.
  public var slotAttn: SlotAttentionEncoder
  let slotProj: Linear
  let tfDec: TransformerDecoder
  let out: Linear

  /// A model with random weights.
  ///
  /// Stops when the image size is not a positive multiple of 4 or heads do not divide widths.
  public init(_ configuration: Configuration, using generator: inout Philox) {
    expect(
      configuration.imageSize > 0 && configuration.imageSize % 4 == 0,
      "the image size must be a positive multiple of 4, not \(configuration.imageSize)")
    self.configuration = configuration
    dvae = DiscreteVAE(vocabularySize: configuration.vocabularySize, using: &generator)
    dictionary = TokenDictionary(
      dictionary: Embedding(
        configuration.vocabularySize + 1, configuration.modelSize, using: &generator))
    positionalEncoder = PositionalEncoder(
      pe: Parameter(
        .truncatedNormal(
          [1, 1 + configuration.tokenCount, configuration.modelSize],
          deviation: configuration.positionDeviation, using: &generator)))
    slotAttn = SlotAttentionEncoder(configuration, using: &generator)
    slotProj = Linear(
      configuration.slotSize, configuration.modelSize, bias: false, using: &generator)
    tfDec = TransformerDecoder(
      blocks: configuration.decoderBlocks, width: configuration.modelSize,
      heads: configuration.heads, dropout: configuration.dropout, using: &generator)
    out = Linear(
      configuration.modelSize, configuration.vocabularySize, bias: false, using: &generator)
  }

  /// The vectors of tokens; entry 0 is the beginning of a sequence, token t is entry t + 1.
  struct TokenDictionary: Module {
    let dictionary: Embedding
  }

  /// Learned positions, [1, 1 + tokens, width].
  struct PositionalEncoder: Module {
    let pe: Parameter
  }
}

// MARK: - Training

extension SLATE {
  /// The random numbers that a forward pass needs.
  public struct Noise: Sendable {
    /// Gumbel noise of the relaxed tokens, [batch, grid, grid, vocabulary].
    public let gumbelRelaxed: Tensor
    /// Gumbel noise of the target tokens, independent of the first.
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
    public init(
      batch: Int, _ configuration: Configuration, dtype: DType = .float32,
      using generator: inout Philox
    ) {
      let grid: Shape = [
        batch, configuration.gridSize, configuration.gridSize, configuration.vocabularySize,
      ]
      gumbelRelaxed = .gumbel(grid, dtype: dtype, using: &generator)
      gumbelHard = .gumbel(grid, dtype: dtype, using: &generator)
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
  ///   - generator: for dropout; nil outside training.
  /// - Returns: sums over the batch, so that parts of a batch add up.
  /// - Throws: what the fixed-point layer throws.
  public func losses(
    of image: Tensor, noise: Noise, temperature: Double, hard: Bool = false,
    dropout generator: inout Philox?
  ) throws -> Losses {
    let batch = image.shape[0]
    let logits = dvae.logits(image)
    let reconstruction = decode(
      logits, noise: noise.gumbelRelaxed, temperature: temperature, hard: hard)
    let targets = withoutRecording { (logits + noise.gumbelHard).argmaxOfRows() }
    let embeddings = embed(targets, batch: batch, using: &generator)
    let slots = try slotAttn.slotAttention(slotInput(embeddings, noise: noise.slots))
    return Losses(
      squaredError: (image - reconstruction).square().sum(),
      crossEntropy: crossEntropy(
        of: slots, embeddings: embeddings, targets: targets, using: &generator),
      reconstruction: reconstruction)
  }

  /// What slot attention starts from, given embedded tokens.
  private func slotInput(_ embeddings: Tensor, noise: Tensor) -> SlotAttention.Input {
    slotAttn.input(
      embeddings.slice(1..<1 + configuration.tokenCount, alongAxis: 1), noise: noise)
  }

  /// The cross-entropy of the tokens that the transformer predicts from slots, summed over tokens
  /// and samples.
  private func crossEntropy(
    of slots: Tensor, embeddings: Tensor, targets: [Int32], using generator: inout Philox?
  ) -> Tensor {
    let decoded = tfDec(
      embeddings.slice(0..<configuration.tokenCount, alongAxis: 1), memory: slotProj(slots),
      using: &generator)
    return out(decoded).crossEntropy(targets: targets).sum()
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
    let targets = withoutRecording { (dvae.logits(image) + noise.gumbelHard).argmaxOfRows() }
    var none: Philox?
    let embeddings = embed(targets, batch: batch, using: &none)
    return (
      slotInput(embeddings, noise: noise.slots),
      { slots in
        var none: Philox?
        let entropy = crossEntropy(
          of: slots, embeddings: embeddings, targets: targets, using: &none)
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
  private func embed(
    _ tokens: [Int32], batch: Int, using generator: inout Philox?
  ) -> Tensor {
    let length = configuration.tokenCount
    var entries: [Int32] = []
    entries.reserveCapacity(batch * (1 + length))
    for sample in 0..<batch {
      entries.append(0)
      entries += tokens[sample * length..<(sample + 1) * length].map { $0 + 1 }
    }
    let vectors = dictionary.dictionary(entries, shape: [batch, 1 + length])
    return Dropout(configuration.dropout)(
      vectors + positionalEncoder.pe.tensor, using: &generator)
  }
}

// MARK: - Inference

extension SLATE {
  /// What the slots make of an image.
  public struct Reconstruction: Sendable {
    /// The image generated from the slots, [batch, height, width, 3].
    public let image: Tensor
    /// Which slot each token belongs to, [batch, slots, grid, grid].
    public let attention: Tensor
    /// The slots, [batch, slots, slot size].
    public let slots: Tensor
  }

  /// Encodes images into slots and generates them again, token by token, most probable first.
  ///
  /// Keys and values of the generated positions are kept, so a token costs one position's work.
  ///
  /// - Parameters:
  ///   - image: [batch, height, width, 3].
  ///   - noise: of the initial slots, [batch, slots, slot size].
  /// - Returns: image, attention and slots, not recorded.
  /// - Throws: what the fixed-point layer throws.
  public func reconstruct(_ image: Tensor, slotNoise noise: Tensor) throws -> Reconstruction {
    try withoutRecording {
      let (batch, grid) = (image.shape[0], configuration.gridSize)
      let tokens = dvae.logits(image).argmaxOfRows()
      let (slots, attention) = try slots(ofTokens: tokens, noise: noise)
      let generated = generate(from: slotProj(slots))
      return Reconstruction(
        image: dvae.decode(
          ids: generated, grid: [batch, grid, grid],
          vocabularySize: configuration.vocabularySize
        ).clamped(),
        attention: attention, slots: slots)
    }
  }

  /// The slots of tokens and the attention with which they were last updated, not recorded.
  ///
  /// - Parameters:
  ///   - tokens: in row-major order of [batch, grid, grid].
  ///   - noise: of the initial slots, [batch, slots, slot size].
  /// - Returns: slots [batch, slots, slot size] and attention [batch, slots, grid, grid].
  /// - Throws: what the fixed-point layer throws.
  public func slots(
    ofTokens tokens: [Int32], noise: Tensor
  ) throws -> (slots: Tensor, attention: Tensor) {
    try withoutRecording {
      var none: Philox?
      let (batch, grid) = (noise.shape[0], configuration.gridSize)
      let embeddings = embed(tokens, batch: batch, using: &none)
      let (slots, attention) = try slotAttn.slotAttention.attended(
        slotInput(embeddings, noise: noise))
      return (slots, attention.reshaped([batch, configuration.slotCount, grid, grid]))
    }
  }

  /// The most probable tokens given projected slots [batch, slots, width], one after the other.
  private func generate(from memory: Tensor) -> [Int32] {
    let (batch, length) = (memory.shape[0], configuration.tokenCount)
    var caches = tfDec.blocks.map { _ in
      KeyValueCache(
        batch: batch, capacity: length, width: configuration.modelSize, dtype: memory.dtype)
    }
    var tokens = [Int32](repeating: 0, count: batch * length)
    var entries = [Int32](repeating: 0, count: batch)
    for position in 0..<length {
      let embedded =
        dictionary.dictionary(entries, shape: [batch, 1])
        + positionalEncoder.pe.tensor.slice(position..<position + 1, alongAxis: 1)
      let next = out(tfDec(next: embedded, memory: memory, caches: &caches)).argmaxOfRows()
      for sample in 0..<batch { tokens[sample * length + position] = next[sample] }
      entries = next.map { $0 + 1 }
    }
    return tokens
  }

  /// The dVAE's own reconstruction through its most probable tokens, [batch, height, width, 3].
  public func dvaeReconstruction(_ image: Tensor) -> Tensor {
    withoutRecording {
      dvae.decode(
        ids: dvae.logits(image).argmaxOfRows(),
        grid: [image.shape[0], configuration.gridSize, configuration.gridSize],
        vocabularySize: configuration.vocabularySize
      ).clamped()
    }
  }
}

extension Tensor {
  /// The elements of a float32 or float64 image limited to [0, 1]; not recorded.
  fileprivate func clamped() -> Tensor {
    let (one, x) = (Tensor.ones([], dtype: dtype), self)
    return withoutRecording { one - (one - x.relu()).relu() }
  }

  /// The one-hot vector of each row's largest element, with the gradient of the row itself.
  func straightThroughOneHot() -> Tensor {
    let oneHot = Tensor.identity(shape[-1], dtype: dtype)
      .rows(argmaxOfRows(), shape: shape.prefix(rank - 1))
    return self + (oneHot - detached())
  }
}
