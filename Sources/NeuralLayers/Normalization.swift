import Tensors

// Norms of single samples. Samples are not mixed, so the step of a fixed point may contain these
// norms.

/// Layer norm over the last axis (Ba, Kiros and Hinton 2016), epsilon 1e-5.
public struct LayerNorm: Layer {
  /// The gain, [width], starting at 1.
  public let weight: Parameter
  /// The bias, [width], starting at 0.
  public let bias: Parameter

  /// A layer norm of the given width.
  public init(_ width: Int) {
    weight = Parameter(.ones([width]))
    bias = Parameter(.zeros([width]))
  }

  /// The normalised x, [..., width].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(gain: weight.tensor, bias: bias.tensor)
  }

  /// The normalised x, [..., width].
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

/// Norm by the root mean square over the last axis (Zhang and Sennrich 2019).
public struct RMSNorm: Layer {
  /// The gain, [width], starting at 1.
  public let weight: Parameter
  /// A number that is added to the mean square, so that the quotient is defined where it is 0.
  public let epsilon: Double

  /// A norm of the given width.
  ///
  /// - Parameters:
  ///   - width: the extent of the last axis.
  ///   - epsilon: the number that is added to the mean square; default 1e-5. PyTorch's default is
  ///     the machine epsilon of the dtype.
  public init(_ width: Int, epsilon: Double = 1e-5) {
    weight = Parameter(.ones([width]))
    self.epsilon = epsilon
  }

  /// x / sqrt(mean of x^2 + epsilon) * weight, [..., width].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.rmsNorm(gain: weight.tensor, epsilon: epsilon)
  }

  /// The normalised x, [..., width].
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

/// Group norm of channels-last samples (Wu and He 2018), epsilon 1e-5.
public struct GroupNorm: Layer {
  /// The gain, [channels].
  public let weight: Parameter
  /// The bias, [channels], starting at 0.
  public let bias: Parameter
  /// The number of groups, a divisor of the channels.
  public let groups: Int

  /// A group norm.
  ///
  /// - Parameters:
  ///   - groups: a divisor of the channels; 1 is a norm of the whole sample.
  ///   - channels: the extent of the last axis.
  ///   - gain: the initial value of all gains; default 1.
  public init(_ groups: Int, _ channels: Int, gain: Double = 1) {
    expect(
      groups > 0 && channels % groups == 0, "\(groups) groups do not divide \(channels) channels")
    weight = Parameter(.full(gain, [channels]))
    bias = Parameter(.zeros([channels]))
    self.groups = groups
  }

  /// The normalised x, [batch, ..., channels].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.groupNorm(gain: weight.tensor, bias: bias.tensor, groups: groups)
  }

  /// The normalised x, [batch, ..., channels].
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}
