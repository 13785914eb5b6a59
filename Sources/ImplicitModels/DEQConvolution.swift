import ImplicitLayers
import NeuralLayers
import Tensors

/// The residual block of multiscale deep equilibrium models, with group norms.
///
/// Bai, Koltun and Kolter 2020, "Multiscale Deep Equilibrium Models", section 3.2:
///
///     z~  = GroupNorm(Conv(z)),
///     z^  = GroupNorm(Conv(ReLU(z~)) + x),
///     z^+ = GroupNorm(ReLU(z^ + z)).
public struct EquilibriumBlock: Module {
  /// The convolution of the state, 3 x 3.
  public let first: Convolution2D
  /// The convolution after the rectifier, 3 x 3.
  public let second: Convolution2D
  /// The norm that gives z~.
  public let firstNorm: GroupNorm
  /// The norm that gives z^.
  public let secondNorm: GroupNorm
  /// The norm that gives z^+.
  public let outputNorm: GroupNorm

  /// A block with small random convolutions: Xavier's distribution, times a gain.
  ///
  /// - Parameters:
  ///   - channels: the number of channels of the state.
  ///   - groups: the number of groups of the norms, a divisor of the channels.
  ///   - innerGain: the initial gains of the norm of z^; default 1.
  ///   - outputGain: the initial gains of the norm of z^+; default 1. The smaller they are, the
  ///     less a state feeds back into itself.
  ///   - generator: the source of the weights, from which two draws are taken.
  public init(
    _ channels: Int, groups: Int, innerGain: Double = 1, outputGain: Double = 1,
    using generator: inout Philox
  ) {
    first = Convolution2D(channels, channels, kernel: 3, padding: 1, bias: false, using: &generator)
    second = Convolution2D(
      channels, channels, kernel: 3, padding: 1, bias: false, initializer: .xavier(gain: 0.1),
      using: &generator)
    firstNorm = GroupNorm(groups, channels)
    secondNorm = GroupNorm(groups, channels, gain: innerGain)
    outputNorm = GroupNorm(groups, channels, gain: outputGain)
  }

  /// z^+ for a state z and an injection x, or none: [batch, height, width, channels] each.
  public func callAsFunction(_ z: Tensor, injection x: Tensor?) -> Tensor {
    let inner = second(firstNorm(first(z)).relu())
    let hat = secondNorm(x.map { inner + $0 } ?? inner)
    return outputNorm((hat + z).relu())
  }
}

/// A convolutional deep equilibrium model at one scale.
///
/// ```swift
/// let model = DEQConvolution(3, 16, groups: 4, using: &random)
/// let z = try model(images)            // [batch, height, width, 3] to [batch, height, width, 16]
/// ```
/// Its state is the fixed point of `EquilibriumBlock` with the injection x = Conv(images) (Bai,
/// Koltun and Kolter 2020, with one scale). A fixed point is not guaranteed to exist: the report of
/// a solve says whether it was reached.
public struct DEQConvolution: Module, FixedPointLayer {
  /// The convolution from the image to the injection, 3 x 3.
  public let injection: Convolution2D
  /// The block that is iterated.
  public let block: EquilibriumBlock

  /// How the fixed point is found; default Anderson acceleration.
  public var solver: any ForwardSolver = .anderson()
  /// How gradients are computed; default GMRES to a relative residual of 1e-5, within 100 pullbacks.
  ///
  /// The exact adjoint assembles J, which for images is too large: n^2 numbers a sample, a gigabyte in
  /// float32 for a state of 32 x 32 x 16.
  public var estimator: any BackwardEstimator = .gmres()
  /// When a solve stops; default at a relative residual of 1e-4, within 100 evaluations.
  public var stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 100)

  /// A model with random weights.
  ///
  /// - Parameters:
  ///   - inputChannels: the number of channels of the image.
  ///   - channels: the number of channels of the state.
  ///   - groups: the number of groups of the norms, a divisor of the channels.
  ///   - generator: the source of the weights, from which three draws are taken.
  public init(
    _ inputChannels: Int, _ channels: Int, groups: Int, using generator: inout Philox
  ) {
    injection = Convolution2D(inputChannels, channels, kernel: 3, padding: 1, using: &generator)
    block = EquilibriumBlock(channels, groups: groups, using: &generator)
  }

  /// The convolved image, once per solve.
  public func inject(_ image: Tensor) -> Tensor { injection(image) }

  /// Zeros, [batch, height, width, channels].
  public func initialState(for x: Tensor) -> Tensor { x.zerosLike() }

  /// One application of the block.
  public func step(_ z: Tensor, given x: Tensor) -> Tensor { block(z, injection: x) }

  /// The injections of some samples.
  public func injection(_ x: Tensor, ofSamples positions: [Int]) -> Tensor? { x.samples(positions) }
}

extension DEQConvolution: Layer {
  /// The equilibrium z for images x: [batch, height, width, channels].
  ///
  /// - Throws: `UnconvergedSolve` when a sample does not meet the tolerance.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    try self(x)
  }
}
