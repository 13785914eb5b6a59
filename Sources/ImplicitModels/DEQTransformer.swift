import ImplicitLayers
import NeuralLayers
import Tensors

/// A transformer of infinite depth with one block: a sequence of vectors at equilibrium.
///
/// ```swift
/// let model = DEQTransformer(32, heads: 4, isCausal: true, using: &random)
/// let z = try model(x)                 // [batch, length, 32] to the same
/// ```
/// Bai, Kolter and Koltun 2019, "Deep Equilibrium Models", section 3, the DEQ-Transformer (without relative
/// positions, which the caller may add to x):
///
///     [Q K V] = W_qkv z + U x,
///     a       = LayerNorm(z + W_o Attention(Q, K, V)),
///     z^+     = LayerNorm(a + W2 s(W1 a + b1) + b2),
///
/// so that the input x is part of every application. Norms come after the sums, and keep iterates bounded.
/// Nothing guarantees a fixed point. Weights start so that what is injected outweighs what is iterated: on
/// inputs of unit variance, all of 48 models with random weights settle, in 6 to 16 evaluations. The report of
/// a solve says whether it did.
public struct DEQTransformer: Module, FixedPointLayer {
  /// W_qkv, [3 width, width].
  public let projection: Linear
  /// U, [3 width, width], with a bias.
  public let injection: Linear
  /// W_o, [width, width].
  public let output: Linear
  /// Behind the attention.
  public let attentionNorm: LayerNorm
  /// The perceptron of every position.
  public let perceptron: Perceptron
  /// Behind the perceptron.
  public let outputNorm: LayerNorm
  /// The number of heads, a divisor of the width.
  public let heads: Int
  /// Whether a position sees only those up to it.
  public let isCausal: Bool

  /// How to iterate; default Anderson acceleration.
  public var solver: any ForwardSolver = .anderson()
  /// How gradients are computed; default exact.
  public var estimator: any BackwardEstimator = .exact
  /// When to stop; default a relative residual of 1e-4 within 100 evaluations.
  public var stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 100)

  /// A model with random weights.
  ///
  /// - Parameters:
  ///   - width: of the vectors.
  ///   - heads: a divisor of the width.
  ///   - hidden: the hidden width of the perceptron; default four times the width.
  ///   - isCausal: whether a position sees only those up to it; default false.
  ///   - activation: of the perceptron; default `gelu`.
  ///   - generator: five draws are taken.
  public init(
    _ width: Int, heads: Int, hidden: Int? = nil, isCausal: Bool = false,
    activation: Activation = .gelu, using generator: inout Philox
  ) {
    expect(heads > 0 && width % heads == 0, "\(heads) heads do not divide a width of \(width)")
    projection = Linear(
      width, 3 * width, bias: false, initializer: .xavier(gain: 0.2), using: &generator)
    injection = Linear(width, 3 * width, initializer: .xavier(gain: 3), using: &generator)
    output = Linear(width, width, bias: false, using: &generator)
    attentionNorm = LayerNorm(width)
    perceptron = Perceptron(
      width, hidden: hidden ?? 4 * width, width, gain: 0.2, activation: activation,
      using: &generator)
    outputNorm = LayerNorm(width)
    self.heads = heads
    self.isCausal = isCausal
  }

  /// U x, once per solve: [batch, length, 3 width].
  public func inject(_ x: Tensor) -> Tensor { injection(x) }

  /// Zeros, [batch, length, width].
  public func initialState(for u: Tensor) -> Tensor {
    .zeros([u.shape[0], u.shape[1], output.outputSize], dtype: u.dtype)
  }

  /// One application of the block.
  public func step(_ z: Tensor, given u: Tensor) -> Tensor {
    let parts = (projection(z) + u).split(parts: 3, alongAxis: -1)
    // Without dropout, nothing is drawn.
    var unused = Philox(seed: 0)
    let attended = Tensor.attention(
      queries: parts[0], keys: parts[1], values: parts[2], heads: heads, causal: isCausal,
      using: &unused)
    let a = attentionNorm(z + output(attended))
    return outputNorm(a + perceptron(a))
  }

  /// The injections of some samples.
  public func injection(_ u: Tensor, ofSamples positions: [Int]) -> Tensor? { u.samples(positions) }
}

extension DEQTransformer: Layer {
  /// z, [batch, length, width].
  ///
  /// - Throws: `UnconvergedSolve` where a sample does not meet the tolerance.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    try self(x)
  }
}
