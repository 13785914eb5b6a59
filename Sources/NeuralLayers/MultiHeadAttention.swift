import Tensors

/// Multi-head attention with projections without bias.
///
/// Source: Vaswani et al. 2017.
public struct MultiHeadAttention: Module {
  /// The projection of queries.
  public let queryProjection: Linear
  /// The projection of keys.
  public let keyProjection: Linear
  /// The projection of values.
  public let valueProjection: Linear
  /// The projection of the result.
  public let outputProjection: Linear
  /// The number of heads, a divisor of the width.
  public let heads: Int
  /// The rate at which attention weights and results are dropped in training.
  public let dropout: Double

  /// The names that published checkpoints have for these layers.
  public static let parameterNames = [
    "queryProjection": "proj_q", "keyProjection": "proj_k", "valueProjection": "proj_v",
    "outputProjection": "proj_o",
  ]

  /// Attention of the given width.
  ///
  /// - Parameters:
  ///   - width: the width of queries, keys, values and result.
  ///   - heads: the number of heads, a divisor of `width`.
  ///   - dropout: the rate at which attention weights and results are dropped in training; default
  ///     0.
  ///   - gain: the gain of the output projection's initial weight; default 1.
  ///   - generator: the source of the weights, from which four draws are taken.
  public init(
    _ width: Int, heads: Int, dropout: Double = 0, gain: Double = 1,
    using generator: inout Philox
  ) {
    expect(
      heads > 0 && width % heads == 0,
      "\(heads) heads do not divide a width of \(width); choose a number of heads that does")
    queryProjection = Linear(width, width, bias: false, using: &generator)
    keyProjection = Linear(width, width, bias: false, using: &generator)
    valueProjection = Linear(width, width, bias: false, using: &generator)
    outputProjection = Linear(
      width, width, bias: false, initializer: .xavier(gain: gain), using: &generator)
    self.heads = heads
    self.dropout = dropout
  }

  /// The attention of queries [batch, m, width] to a memory [batch, n, width].
  ///
  /// - Parameters:
  ///   - queries: the vectors that attend, [batch, m, width].
  ///   - memory: the vectors that they attend to, [batch, n, width].
  ///   - causal: whether query r sees only 0...r + n - m; default false.
  ///   - context: in training, two draws are taken unless the dropout is 0.
  /// - Returns: [batch, m, width].
  public func callAsFunction(
    _ queries: Tensor, to memory: Tensor, causal: Bool = false, in context: LayerContext
  ) -> Tensor {
    let (q, k, v) = (queryProjection(queries), keyProjection(memory), valueProjection(memory))
    let dropped =
      dropout > 0
      ? context.draw(for: "MultiHeadAttention") { generator in
        Tensor.attention(
          queries: q, keys: k, values: v, heads: heads, causal: causal, dropout: dropout,
          using: &generator)
      } : nil
    if let dropped { return Dropout(dropout)(outputProjection(dropped), in: context) }
    return outputProjection(
      .attention(queries: q, keys: k, values: v, heads: heads, causal: causal))
  }

  /// The attention of one more position to itself and to all positions before it, whose keys and
  /// values are in the cache.
  ///
  /// So the other positions need not be computed again.
  ///
  /// - Parameters:
  ///   - position: the new position, [batch, 1, width].
  ///   - cache: the keys and values of the earlier positions, to which this one is added.
  /// - Returns: [batch, 1, width]; not recorded.
  public func callAsFunction(_ position: Tensor, extending cache: inout KeyValueCache) -> Tensor {
    cache.append(keys: keyProjection(position), values: valueProjection(position))
    return outputProjection(cache.attention(of: queryProjection(position), heads: heads))
  }
}
