import NeuralLayers
import Tensors

/// A pre-norm transformer decoder.
///
/// Its blocks consist of causal self-attention, attention to a memory, and a perceptron.
public struct TransformerDecoder: Module {
  let blocks: [Block]
  let layerNorm: LayerNorm

  /// A decoder with random weights.
  ///
  /// - Parameters:
  ///   - blocks: the number of blocks. The initial gain of the layers whose output is added to the
  ///     residual stream is (3 blocks)^-1/2.
  ///   - width: the width of the sequence and of the memory.
  ///   - heads: the number of heads, a divisor of the width.
  ///   - dropout: the dropout rate of attention weights and of the outputs that are added to the
  ///     stream.
  ///   - generator: the source of the weights.
  public init(
    blocks: Int, width: Int, heads: Int, dropout: Double, using generator: inout Philox
  ) {
    let gain = 1 / Double(3 * blocks).squareRoot()
    self.blocks = (0..<blocks).map { index in
      Block(
        width: width, heads: heads, dropout: dropout, gain: gain, isFirst: index == 0,
        using: &generator)
    }
    layerNorm = LayerNorm(width)
  }

  /// The decoded sequence, [batch, length, width]; each position depends only on the positions up
  /// to it.
  public func callAsFunction(
    _ sequence: Tensor, memory: Tensor, in context: LayerContext
  ) -> Tensor {
    var x = sequence
    for block in blocks { x = block(x, memory: memory, in: context) }
    return layerNorm(x)
  }

  /// The decoded next position, [batch, 1, width]; `caches` holds the positions before it.
  public func callAsFunction(
    next position: Tensor, memory: Tensor, caches: inout [KeyValueCache]
  ) -> Tensor {
    var x = position
    for (index, block) in blocks.enumerated() {
      x = block(next: x, memory: memory, cache: &caches[index])
    }
    return layerNorm(x)
  }

  /// One block.
  ///
  /// In the first block the residual stream starts from the layer-normed input.
  struct Block: Module {
    let selfAttentionNorm: LayerNorm
    let selfAttention: MultiHeadAttention
    let memoryAttentionNorm: LayerNorm
    let memoryAttention: MultiHeadAttention
    let perceptronNorm: LayerNorm
    let perceptron: Perceptron
    let isFirst: Bool
    let dropout: Dropout

    /// The published names.
    static let parameterNames = [
      "selfAttentionNorm": "self_attn_layer_norm", "selfAttention": "self_attn",
      "memoryAttentionNorm": "encoder_decoder_attn_layer_norm",
      "memoryAttention": "encoder_decoder_attn", "perceptronNorm": "ffn_layer_norm",
      "perceptron": "ffn",
    ]

    init(
      width: Int, heads: Int, dropout: Double, gain: Double, isFirst: Bool,
      using generator: inout Philox
    ) {
      selfAttentionNorm = LayerNorm(width)
      selfAttention = MultiHeadAttention(
        width, heads: heads, dropout: dropout, gain: gain, using: &generator)
      memoryAttentionNorm = LayerNorm(width)
      memoryAttention = MultiHeadAttention(
        width, heads: heads, dropout: dropout, gain: gain, using: &generator)
      perceptronNorm = LayerNorm(width)
      perceptron = Perceptron(width, hidden: 4 * width, width, gain: gain, using: &generator)
      self.isFirst = isFirst
      self.dropout = Dropout(dropout)
    }

    func callAsFunction(
      _ input: Tensor, memory: Tensor, in context: LayerContext
    ) -> Tensor {
      let normed = selfAttentionNorm(input)
      var x =
        (isFirst ? normed : input)
        + selfAttention(normed, to: normed, causal: true, in: context)
      x =
        x
        + memoryAttention(memoryAttentionNorm(x), to: memory, in: context)
      return x + dropout(perceptron(perceptronNorm(x)), in: context)
    }

    func callAsFunction(next input: Tensor, memory: Tensor, cache: inout KeyValueCache) -> Tensor {
      let normed = selfAttentionNorm(input)
      var x = (isFirst ? normed : input) + selfAttention(normed, extending: &cache)
      x =
        x
        + memoryAttention(memoryAttentionNorm(x), to: memory, in: .evaluation)
      return x + perceptron(perceptronNorm(x))
    }
  }
}
