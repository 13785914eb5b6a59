import ImplicitLayers
import NeuralLayers
import Tensors

// The slots of images, and images from slots.

extension SLATE {
  /// An image as the model generates it from the slots.
  public struct Reconstruction: Sendable {
    /// The image generated from the slots, [batch, height, width, 3].
    public let image: Tensor
    /// Which slot each token belongs to, [batch, slots, grid, grid].
    public let attention: Tensor
    /// The slots, [batch, slots, slot size].
    public let slots: Tensor
  }

  /// Encodes images into slots and generates them again, token by token; each token is the most
  /// probable one.
  ///
  /// The keys and values of the generated positions are kept, so a token costs only the work of one
  /// position.
  ///
  /// - Parameters:
  ///   - image: the images, [batch, height, width, 3].
  ///   - noise: the normal noise of the initial slots, [batch, slots, slot size].
  /// - Returns: the generated images, attention and slots, not recorded.
  /// - Throws: what the fixed-point layer throws.
  public func reconstruct(_ image: Tensor, slotNoise noise: Tensor) throws -> Reconstruction {
    try withoutRecording {
      let (slots, attention) = try slots(of: image, noise: noise)
      return Reconstruction(image: composed(slots), attention: attention, slots: slots)
    }
  }

  /// The image that slots stand for.
  ///
  /// The slots need not come from one image.
  ///
  /// The tokens are predicted one after the other, each the most probable one, and then decoded.
  ///
  /// - Parameter slots: [batch, count, slot size]; any number of slots, in any order.
  /// - Returns: [batch, height, width, 3] in [0, 1], not recorded.
  public func composed(_ slots: Tensor) -> Tensor {
    withoutRecording {
      let (batch, grid) = (slots.shape[0], configuration.gridSize)
      return dvae.decode(
        ids: generate(from: slotProj(slots)).reshaped([batch, grid, grid]),
        vocabularySize: configuration.vocabularySize
      ).clamped(to: 0...1)
    }
  }

  /// The slots of images and the attention with which they were last updated, not recorded.
  ///
  /// - Parameters:
  ///   - image: the images, [batch, height, width, 3].
  ///   - noise: the normal noise of the initial slots, [batch, slots, slot size].
  /// - Returns: slots [batch, slots, slot size] and attention [batch, slots, grid, grid].
  /// - Throws: what the fixed-point layer throws.
  public func slots(
    of image: Tensor, noise: Tensor
  ) throws -> (slots: Tensor, attention: Tensor) {
    try withoutRecording {
      try slots(ofTokens: dvae.logits(image).argmax(alongAxis: -1), noise: noise)
    }
  }

  /// The slots of tokens and the attention with which they were last updated, not recorded.
  ///
  /// - Parameters:
  ///   - tokens: the token ids, [batch, grid, grid].
  ///   - noise: the normal noise of the initial slots, [batch, slots, slot size].
  /// - Returns: slots [batch, slots, slot size] and attention [batch, slots, grid, grid].
  /// - Throws: what the fixed-point layer throws.
  public func slots(
    ofTokens tokens: IntTensor, noise: Tensor
  ) throws -> (slots: Tensor, attention: Tensor) {
    try withoutRecording {
      let (batch, grid) = (noise.shape[0], configuration.gridSize)
      let embeddings = embed(tokens, batch: batch, in: .evaluation)
      let (slots, attention) = try slotAttn.slotAttention.attended(
        slotInput(embeddings, noise: noise))
      return (slots, attention.reshaped([batch, configuration.slotCount, grid, grid]))
    }
  }

  /// The most probable tokens given projected slots [batch, slots, width], one after the other.
  private func generate(from memory: Tensor) -> IntTensor {
    let (batch, length) = (memory.shape[0], configuration.tokenCount)
    var caches = tfDec.blocks.map { _ in
      KeyValueCache(
        batch: batch, capacity: length, width: configuration.modelSize, dtype: memory.dtype)
    }
    var tokens: [IntTensor] = []
    var entries = IntTensor.full(0, [batch, 1])
    for position in 0..<length {
      let embedded =
        dictionary.dictionary(entries)
        + positionalEncoder.pe.tensor.slice(position..<position + 1, alongAxis: 1)
      let next = out(tfDec(next: embedded, memory: memory, caches: &caches)).argmax(alongAxis: -1)
      tokens.append(next.reshaped([batch, 1]))
      entries = next.reshaped([batch, 1]) + 1
    }
    return .concatenated(tokens, alongAxis: 1)
  }

  /// The dVAE's own reconstruction through its most probable tokens, [batch, height, width, 3].
  public func dvaeReconstruction(_ image: Tensor) -> Tensor {
    withoutRecording {
      dvae.decode(
        ids: dvae.logits(image).argmax(alongAxis: -1),
        vocabularySize: configuration.vocabularySize
      ).clamped(to: 0...1)
    }
  }
}
