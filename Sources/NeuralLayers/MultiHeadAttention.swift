import Tensors

/// Multi-head attention with projections without bias.
///
/// Vaswani et al. 2017.
public struct MultiHeadAttention: Module {
  /// The projection of queries.
  public let projQ: Linear
  /// The projection of keys.
  public let projK: Linear
  /// The projection of values.
  public let projV: Linear
  /// The projection of the result.
  public let projO: Linear
  /// The number of heads, a divisor of the width.
  public let heads: Int
  /// The rate at which attention weights and results are dropped in training.
  public let dropout: Double

  /// Attention of the given width.
  ///
  /// - Parameters:
  ///   - width: of queries, keys, values and result.
  ///   - heads: a divisor of `width`.
  ///   - dropout: default 0.
  ///   - gain: of the output projection's initial weight; default 1.
  ///   - generator: four draws are taken.
  public init(
    _ width: Int, heads: Int, dropout: Double = 0, gain: Double = 1,
    using generator: inout Philox
  ) {
    expect(
      heads > 0 && width % heads == 0,
      "\(heads) heads do not divide a width of \(width); choose a number of heads that does")
    projQ = Linear(width, width, bias: false, using: &generator)
    projK = Linear(width, width, bias: false, using: &generator)
    projV = Linear(width, width, bias: false, using: &generator)
    projO = Linear(
      width, width, bias: false, initializer: .xavier(gain: gain), using: &generator)
    self.heads = heads
    self.dropout = dropout
  }

  /// The attention of queries [batch, m, width] to a memory [batch, n, width].
  ///
  /// - Parameters:
  ///   - queries: what asks.
  ///   - memory: what is asked.
  ///   - causal: whether query r sees only 0...r + n - m; default false.
  ///   - generator: for dropout; nil outside training.
  /// - Returns: [batch, m, width].
  public func callAsFunction(
    _ queries: Tensor, to memory: Tensor, causal: Bool = false, using generator: inout Philox?
  ) -> Tensor {
    var own = generator ?? Philox(seed: 0)
    let mixed = Tensor.attention(
      queries: projQ(queries), keys: projK(memory), values: projV(memory), heads: heads,
      causal: causal, dropout: generator == nil ? 0 : dropout, using: &own)
    if generator != nil { generator = own }
    return Dropout(dropout)(projO(mixed), using: &generator)
  }

  /// The attention of one more position to itself and all before it, whose keys and values are in
  /// the cache: the cost of a position does not depend on recomputing the others.
  ///
  /// - Parameters:
  ///   - position: [batch, 1, width].
  ///   - cache: is extended by this position.
  /// - Returns: [batch, 1, width]; not recorded.
  public func callAsFunction(_ position: Tensor, extending cache: inout KeyValueCache) -> Tensor {
    cache.append(keys: projK(position), values: projV(position))
    return projO(cache.attention(of: projQ(position), heads: heads))
  }
}

/// A table of vectors, one for each entry of a dictionary.
public struct Embedding: Module {
  /// [entries, width].
  public let weight: Parameter

  /// A table of normal vectors.
  public init(_ entries: Int, _ width: Int, using generator: inout Philox) {
    weight = Parameter(.normal([entries, width], using: &generator))
  }

  /// The vectors of `ids`: their shape, and the width.
  public func callAsFunction(_ ids: IntTensor) -> Tensor {
    weight.tensor.rows(ids)
  }
}
