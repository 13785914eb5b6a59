import ImplicitLayers
import NeuralLayers
import Tensors

/// A perceptron of infinite depth with one weight: z = s(W z + U x + b).
///
/// ```swift
/// let model = DEQPerceptron(64, 32, using: &random)
/// let z = try model(x)                 // [batch, 64] to [batch, 32]
/// ```
/// Bai, Kolter and Koltun 2019, "Deep Equilibrium Models", equation 2, with the map of a tanh layer: the
/// output of a network of weight-tied layers z_k+1 = s(W z_k + U x + b) as their number grows.
///
/// Initially W has a largest singular value of about 0.9. This is below 1, so for a function s with
/// slopes of at most 1 the map contracts, and iteration converges from every start. Training may
/// leave that region: `model.spectralNorm()` gives the present value.
public struct DEQPerceptron: Module, FixedPointLayer {
  /// The weight W, [out, out].
  public let recurrence: Linear
  /// The weight U and the bias b, [out, in] and [out].
  public let injection: Linear
  /// The activation s.
  public let activation: Activation

  /// How the fixed point is found; default Anderson acceleration.
  public var solver: any ForwardSolver = .anderson()
  /// How gradients are computed; default exact.
  public var estimator: any BackwardEstimator = .exact
  /// When a solve stops; default at a relative residual of 1e-4, within 100 evaluations.
  public var stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 100)

  /// A model with random weights.
  ///
  /// - Parameters:
  ///   - inputSize: the width of x.
  ///   - outputSize: the width of z.
  ///   - activation: s; default tanh.
  ///   - generator: the source of the weights, from which two draws are taken.
  public init(
    _ inputSize: Int, _ outputSize: Int, activation: Activation = .tanh,
    using generator: inout Philox
  ) {
    // The largest singular value of a square matrix of numbers of variance v is near 2 sqrt(n v),
    // and Xavier's variance is gain^2 / n.
    recurrence = Linear(
      outputSize, outputSize, bias: false, initializer: .xavier(gain: 0.45), using: &generator)
    injection = Linear(inputSize, outputSize, using: &generator)
    self.activation = activation
  }

  /// The injection U x + b, computed once per solve.
  public func inject(_ x: Tensor) -> Tensor { injection(x) }

  /// The initial state: zeros, [batch, out].
  public func initialState(for u: Tensor) -> Tensor { u.zerosLike() }

  /// One application of the map, s(W z + u).
  public func step(_ z: Tensor, given u: Tensor) -> Tensor { activation(recurrence(z) + u) }

  /// The injections of some samples.
  public func injection(_ u: Tensor, ofSamples positions: [Int]) -> Tensor? { u.samples(positions) }

  /// The largest singular value of W.
  ///
  /// If the activation has slopes of at most 1, the map contracts for every x when this value is
  /// below 1. The slopes of GELU reach 1.13 and those of SiLU 1.10, so with them it must be below
  /// 1/1.13 or 1/1.10.
  ///
  /// - Throws: `DecompositionFailure` when W is not finite.
  public func spectralNorm() throws -> Double {
    try recurrence.weight.tensor.detached().singularValues().scalars.first ?? 0
  }
}

extension DEQPerceptron: Layer {
  /// The equilibrium z, [batch, out].
  ///
  /// - Throws: `UnconvergedSolve` when a sample does not meet the tolerance.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    try self(x)
  }
}
