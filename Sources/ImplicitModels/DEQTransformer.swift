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
/// The input x is part of every application. The norms come after the sums, and keep the iterates
/// bounded. A fixed point is not guaranteed to exist. The initial weights are such that the
/// injection outweighs the state: on inputs of unit variance, all of 48 models with random weights
/// settle, in 6 to 16 evaluations. The report of a solve says whether it was reached.
public struct DEQTransformer: Module, FixedPointLayer {
  /// The weight W_qkv, [3 width, width].
  public let projection: Linear
  /// The weight U, [3 width, width], with a bias.
  public let injection: Linear
  /// The weight W_o, [width, width].
  public let output: Linear
  /// The norm after the attention.
  public let attentionNorm: LayerNorm
  /// The perceptron that is applied to every position.
  public let perceptron: Perceptron
  /// The norm after the perceptron.
  public let outputNorm: LayerNorm
  /// The number of heads, a divisor of the width.
  public let heads: Int
  /// Whether a position sees only the positions up to it.
  public let isCausal: Bool

  /// How the fixed point is found; default Anderson acceleration.
  public var solver: any ForwardSolver = .anderson()
  /// How gradients are computed; default GMRES to a relative residual of 1e-5.
  ///
  /// A sample has length times width numbers, of which the exact adjoint takes the square in memory: a
  /// gigabyte for 128 vectors of 128 numbers.
  public var estimator: any BackwardEstimator = .gmres()
  /// When a solve stops; default at a relative residual of 1e-4, within 100 evaluations.
  public var stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 100)

  /// A model with random weights.
  ///
  /// - Parameters:
  ///   - width: the width of the vectors.
  ///   - heads: the number of heads, a divisor of the width.
  ///   - hidden: the hidden width of the perceptron; default four times the width.
  ///   - isCausal: whether a position sees only the positions up to it; default false.
  ///   - activation: the activation of the perceptron; default `gelu`.
  ///   - generator: the source of the weights, from which five draws are taken.
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

  /// The injection U x, computed once per solve: [batch, length, 3 width].
  public func inject(_ x: Tensor) -> Tensor { injection(x) }

  /// The initial state: zeros, [batch, length, width].
  public func initialState(for u: Tensor) -> Tensor {
    .zeros([u.shape[0], u.shape[1], output.outputSize], dtype: u.dtype)
  }

  /// One application of the block.
  public func step(_ z: Tensor, given u: Tensor) -> Tensor {
    let parts = (projection(z) + u).split(parts: 3, alongAxis: -1)
    let attended = Tensor.attention(
      queries: parts[0], keys: parts[1], values: parts[2], heads: heads, causal: isCausal)
    let a = attentionNorm(z + output(attended))
    return outputNorm(a + perceptron(a))
  }

  /// The injections of some samples.
  public func injection(_ u: Tensor, ofSamples positions: [Int]) -> Tensor? { u.samples(positions) }
}

extension DEQTransformer: Layer {
  /// The equilibrium z, [batch, length, width].
  ///
  /// - Throws: `UnconvergedSolve` when a sample does not meet the tolerance.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    try self(x)
  }
}
