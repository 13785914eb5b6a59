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
    /// The channels of the autoencoder's features; 64 as published.
    public var autoencoderWidth = 64
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
    /// The deviation of the positions' values, of trained ones at the start; 1 as published.
    ///
    /// Token embeddings have deviation 1: smaller positions let slots first compete by what tokens
    /// show rather than by where they are.
    public var positionDeviation = 1.0
    /// Where positions come from; trained as published.
    public var positionEncoding = PositionEncoding.learned

    /// The published defaults for 3D Shapes.
    public init() {}

    /// Width and height of the grid of tokens.
    public var gridSize: Int { imageSize / 4 }
    /// The number of tokens of an image.
    public var tokenCount: Int { gridSize * gridSize }

    /// The images that a worker differentiates at once (`Workers.reduceRanges`).
    ///
    /// As many as keep the tape below about 80 MB, because what is larger leaves the cache and takes
    /// memory; but those of 512 tokens if that is more, because products of fewer rows are slower. 2 with
    /// the published defaults.
    public var imagesOfAChunk: Int {
      max(1, 512 / tokenCount, 80_000_000 / tapeBytesOfAnImage)
    }

    /// About what the tape holds of an image in single precision after the forward pass.
    ///
    /// Of each token: in a block some 20 vectors, and its attention weights with a byte of dropout; four
    /// times the logits; and the dVAE's features at three resolutions.
    private var tapeBytesOfAnImage: Int {
      let block = 20 * modelSize + heads * tokenCount * 5 / 4
      return 4 * tokenCount
        * (decoderBlocks * block + 4 * vocabularySize + 100 * autoencoderWidth)
    }
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

  /// Where positions come from.
  public enum PositionEncoding: String, Sendable, Codable, CaseIterable {
    /// Trained vectors, drawn at random, as published.
    case learned
    /// Waves along rows and columns that stay as they are.
    ///
    /// What slots can tell apart by place then stays small beside what they can tell apart by content:
    /// trained positions grow until slots divide small pictures by regions.
    case sinusoidal
  }

  /// A model with random weights.
  ///
  /// Stops when the image size is not a positive multiple of 4 or heads do not divide widths.
  public init(_ configuration: Configuration, using generator: inout Philox) {
    expect(
      configuration.imageSize > 0 && configuration.imageSize % 4 == 0,
      "the image size must be a positive multiple of 4, not \(configuration.imageSize)")
    self.configuration = configuration
    dvae = DiscreteVAE(
      vocabularySize: configuration.vocabularySize, width: configuration.autoencoderWidth,
      using: &generator)
    dictionary = TokenDictionary(
      dictionary: Embedding(
        configuration.vocabularySize + 1, configuration.modelSize, using: &generator))
    positionalEncoder = PositionalEncoder(configuration, using: &generator)
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
}
