import ImplicitLayers
import NeuralLayers
import Tensors

/// SLATE (Singh, Deng and Ahn, "Illiterate DALL-E Learns to Compose", 2021), with slot attention as
/// a fixed-point layer.
///
/// The model finds slots in the tokens of an image, and predicts the tokens from the slots.
///
/// A discrete autoencoder turns the image into a grid of tokens; slot attention groups their
/// embeddings into slots; a transformer predicts the tokens one after the other from the slots.
/// Parameters carry the names of the published state dictionary, so checkpoints interchange.
/// Images are channels-last, [batch, height, width, 3], in [0, 1].
public struct SLATE: Module {
  /// The sizes of a model.
  public struct Configuration: Sendable, Equatable, Codable {
    /// The width and height of the image, a multiple of 4.
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
    /// The dropout rate of embeddings and transformer during training.
    public var dropout = 0.1
    /// How the initial slots are chosen.
    public var slotInitialization = SlotInitialization.random
    /// The standard deviation of the position vectors; for trained positions, at the beginning of
    /// training.
    ///
    /// 1 as published.
    ///
    /// Token embeddings have the standard deviation 1. With smaller positions, slots at first
    /// compete by what tokens show rather than by where they are.
    public var positionDeviation = 1.0
    /// How positions are encoded; trained as published.
    public var positionEncoding = PositionEncoding.learned

    /// A configuration with the published defaults for 3D Shapes.
    public init() {}

    /// The width and height of the grid of tokens.
    public var gridSize: Int { imageSize / 4 }
    /// The number of tokens of an image.
    public var tokenCount: Int { gridSize * gridSize }

    /// The number of images that a worker differentiates at once (`Workers.reduceRanges`).
    ///
    /// It is the largest number that keeps the tape below about 80 MB, because a larger tape leaves
    /// the cache and takes memory. But it is at least the number of images that have 512 tokens
    /// together, because products of fewer rows are slower. With the published defaults it is 2.
    public var imagesOfAChunk: Int {
      max(1, 512 / tokenCount, 80_000_000 / tapeBytesOfAnImage)
    }

    /// The number of parameters of a model of these sizes, without making one.
    ///
    /// It is a floating-point number because sizes that a file claims may be larger than any memory.
    package var parameterCount: Double {
      let (vocabulary, width) = (Double(vocabularySize), Double(autoencoderWidth))
      let (model, slot) = (Double(modelSize), Double(slotSize))
      let (blocks, hidden) = (Double(decoderBlocks), Double(mlpHiddenSize))
      // Convolutions with the gain and the bias of their norms.
      let patches = 48 * width + 2 * width
      let (point, square) = (width * width + 2 * width, 9 * width * width + 2 * width)
      let spread = 4 * width * width + 8 * width
      let encoder = patches + 6 * point + (width + 1) * vocabulary
      let decoder =
        (vocabulary + 2) * width + 2 * square + 4 * point + 2 * spread + 3 * width + 3
      let embeddings = (vocabulary + 1) * model + Double(1 + tokenCount) * model
      let initial = slotInitialization == .random ? 2 * slot : Double(slotCount) * slot
      let features = 2 * model + 2 * (model * model + model)
      let projections = slot * slot + 2 * model * slot
      let recurrence = 6 * slot * slot + 6 * slot
      let perceptron = 2 * slot * hidden + hidden + slot
      let attention = 2 * model + 4 * slot + projections + recurrence + perceptron
      let block = 6 * model + 8 * model * model + 8 * model * model + 5 * model
      let transformer = blocks * block + 2 * model
      return encoder + decoder + embeddings + initial + features + attention + slot * model
        + transformer + model * vocabulary
    }

    /// The approximate size of the tape for one image, in bytes of single precision, after the
    /// forward pass.
    ///
    /// Each token has some 20 vectors in each block, and its attention weights with a byte of
    /// dropout each; four times the logits; and the features of the dVAE at three resolutions.
    private var tapeBytesOfAnImage: Int {
      let block = 20 * modelSize + heads * tokenCount * 5 / 4
      return 4 * tokenCount
        * (decoderBlocks * block + 4 * vocabularySize + 100 * autoencoderWidth)
    }
  }

  /// How the initial slots are chosen.
  public enum SlotInitialization: String, Sendable, Codable, CaseIterable {
    /// Slots are drawn as mu + exp(log sigma) * noise, with mu and sigma shared by all slots, as
    /// published.
    case random
    /// Each slot starts from a trained vector of its own (Jia, Liu and Huang, "Improving
    /// Object-centric Learning with Query Optimization", 2023), so slots keep their roles from
    /// image to image.
    ///
    /// Implicit gradients do not reach these vectors: use the straight-through estimator, or
    /// unroll.
    case learned
  }

  /// The sizes of this model.
  public let configuration: Configuration
  /// The autoencoder, from images to tokens and back.
  public let dvae: DiscreteVAE
  let dictionary: TokenDictionary
  let positionalEncoder: PositionalEncoder
  /// The encoder, from embedded tokens to slots.
  public var slotAttn: SlotAttentionEncoder
  let slotProj: Linear
  let tfDec: TransformerDecoder
  let out: Linear

  /// How positions are encoded.
  public enum PositionEncoding: String, Sendable, Codable, CaseIterable {
    /// Trained vectors, which are drawn at random at the beginning, as published.
    case learned
    /// Waves along rows and columns, which are not trained.
    ///
    /// With them, the differences between places stay small compared with those between contents.
    /// Trained positions grow until slots divide small pictures by regions.
    case sinusoidal
  }

  /// A model with random weights.
  ///
  /// Stops when the image size is not a positive multiple of 4, or when a number of heads does not
  /// divide its width.
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

  /// The vectors of tokens.
  ///
  /// Entry 0 is the beginning of a sequence; token t has entry t + 1.
  struct TokenDictionary: Module {
    let dictionary: Embedding
  }
}
