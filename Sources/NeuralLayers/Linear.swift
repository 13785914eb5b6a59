import Tensors

/// y = x W^T + b.
public struct Linear: WeightedLayer, Layer {
  /// The weight W, [out, in].
  public let weight: Parameter
  /// The bias b, [out], if there is one.
  public let bias: Parameter?

  /// The distribution of the initial weight.
  public enum Initializer: Sendable {
    /// Glorot and Bengio's uniform distribution (2010), times a gain.
    case xavier(gain: Double)
    /// Kaiming-uniform, for a layer before a rectifier.
    case kaiming

    /// A weight [out, ...], by one draw.
    func weight(_ shape: Shape, using generator: inout Philox) -> Tensor {
      switch self {
      case .xavier(let gain): .xavierUniform(shape, gain: gain, using: &generator)
      case .kaiming: .kaimingUniform(shape, using: &generator)
      }
    }
  }

  /// A layer with a random weight and a zero bias.
  ///
  /// - Parameters:
  ///   - inputSize: the width of x.
  ///   - outputSize: the width of y.
  ///   - bias: whether there is a bias; default true.
  ///   - initializer: the distribution of the weight; default Xavier with gain 1.
  ///   - generator: the source of the weight, from which one draw is taken.
  public init(
    _ inputSize: Int, _ outputSize: Int, bias: Bool = true,
    initializer: Initializer = .xavier(gain: 1), using generator: inout Philox
  ) {
    weight = Parameter(initializer.weight([outputSize, inputSize], using: &generator))
    self.bias = bias ? Parameter(.zeros([outputSize])) : nil
  }

  /// The width of y.
  public var outputSize: Int { weight.shape[0] }

  /// x W^T + b, optionally followed by a rectifier, for x of shape [..., in].
  public func callAsFunction(_ x: Tensor, rectified: Bool = false) -> Tensor {
    x.linear(weight.tensor, bias: bias?.tensor, rectified: rectified)
  }

  /// x W^T + b.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }

  /// x W^T + b with another weight W.
  public func applying(_ weight: Tensor, to x: Tensor) -> Tensor {
    x.linear(weight, bias: bias?.tensor)
  }
}
