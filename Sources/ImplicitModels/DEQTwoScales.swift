import ImplicitLayers
import NeuralLayers
import Tensors

/// A multiscale deep equilibrium model of two scales, whose state is an image at full and at half resolution.
///
/// ```swift
/// let model = DEQTwoScales(3, fine: 8, coarse: 16, groups: 4, using: &random)
/// let z = try model(images)            // z.fine [b, h, w, 8], z.coarse [b, h / 2, w / 2, 16]
/// ```
/// The model follows Bai, Koltun and Kolter 2020, section 3.2. Each scale has a residual block; the
/// fine one also gets the injection. Then each scale gets the sum of its own result and of the
/// other scale's result, which is brought to its resolution: downwards by a strided convolution,
/// upwards by a 1 x 1 convolution and repetition, both with a group norm. Both scales reach their
/// equilibrium at the same time, because a solver sees one state.
///
/// The norms have small initial gains where scales feed back into themselves and into each other.
/// On images of unit variance, all of 48 models of 8 and 16 channels with random weights then
/// settle, in 19 to 38 evaluations; of 24 models whose gains were 1, 19 did not. Training may leave
/// that region, which the report of a solve then says.
public struct DEQTwoScales: Module, FixedPointLayer {
  /// Images at two resolutions.
  public struct Scales: FixedPointState {
    /// The fine image, [batch, height, width, channels].
    public let fine: Tensor
    /// The coarse image, [batch, height / 2, width / 2, channels].
    public let coarse: Tensor

    /// A state.
    public init(fine: Tensor, coarse: Tensor) { (self.fine, self.coarse) = (fine, coarse) }

    /// The fine image and the coarse one.
    public init(tensors: [Tensor]) { (fine, coarse) = (tensors[0], tensors[1]) }

    /// The fine image and the coarse one.
    public var tensors: [Tensor] { [fine, coarse] }
  }

  /// The convolution from the image to the injection of the fine scale, 3 x 3.
  public let injection: Convolution2D
  /// The residual block of the fine scale.
  public let fineBlock: EquilibriumBlock
  /// The residual block of the coarse scale, which gets no injection.
  public let coarseBlock: EquilibriumBlock
  /// The convolution from fine to coarse, 3 x 3 with stride 2.
  public let down: Convolution2D
  /// The norm of its result.
  public let downNorm: GroupNorm
  /// The convolution from coarse to fine, 1 x 1.
  public let up: Convolution2D
  /// The norm of its result, before that is repeated.
  public let upNorm: GroupNorm

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
  ///   - fine: the number of channels of the fine scale.
  ///   - coarse: the number of channels of the coarse scale.
  ///   - groups: the number of groups of the norms, a divisor of both.
  ///   - generator: the source of the weights, from which seven draws are taken.
  public init(
    _ inputChannels: Int, fine: Int, coarse: Int, groups: Int, using generator: inout Philox
  ) {
    injection = Convolution2D(inputChannels, fine, kernel: 3, padding: 1, using: &generator)
    fineBlock = EquilibriumBlock(fine, groups: groups, outputGain: 0.3, using: &generator)
    coarseBlock = EquilibriumBlock(
      coarse, groups: groups, innerGain: 0.1, outputGain: 0.3, using: &generator)
    down = Convolution2D(
      fine, coarse, kernel: 3, stride: 2, padding: 1, bias: false, using: &generator)
    downNorm = GroupNorm(groups, coarse)
    up = Convolution2D(coarse, fine, kernel: 1, bias: false, using: &generator)
    upNorm = GroupNorm(groups, fine, gain: 0.3)
  }

  /// The convolved image, computed once per solve; stops when the height or width is odd.
  public func inject(_ image: Tensor) -> Tensor {
    expect(
      image.rank == 4 && image.shape[1] % 2 == 0 && image.shape[2] % 2 == 0,
      "two scales need an image [batch, height, width, channels] of even height and width, not "
        + "\(image.shape)")
    return injection(image)
  }

  /// The initial state: zeros.
  public func initialState(for x: Tensor) -> Scales {
    let half: Shape = [x.shape[0], x.shape[1] / 2, x.shape[2] / 2, down.weight.shape[0]]
    return Scales(fine: x.zerosLike(), coarse: .zeros(half, dtype: x.dtype))
  }

  /// One application of both blocks, and the exchange between scales.
  public func step(_ z: Scales, given x: Tensor) -> Scales {
    let fine = fineBlock(z.fine, injection: x)
    let coarse = coarseBlock(z.coarse, injection: nil)
    let upwards = upNorm(up(coarse)).repeated(2, alongAxis: 1).repeated(2, alongAxis: 2)
    return Scales(fine: fine + upwards, coarse: coarse + downNorm(down(fine)))
  }

  /// The injections of some samples.
  public func injection(_ x: Tensor, ofSamples positions: [Int]) -> Tensor? { x.samples(positions) }
}
