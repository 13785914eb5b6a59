import Tensors

/// A 2-D convolution of channels-last images.
public struct Convolution2D: WeightedLayer, Layer {
  /// The weight, [out, in, kernel, kernel].
  public let weight: Parameter
  /// The bias, [out], if there is one.
  public let bias: Parameter?
  /// The distance between neighbouring windows.
  public let stride: Int
  /// The width of the border of zeros on each side.
  public let padding: Int

  /// A convolution with a random weight and a zero bias.
  ///
  /// - Parameters:
  ///   - inputChannels: the number of channels of the image.
  ///   - outputChannels: the number of channels of the result.
  ///   - kernel: the window's width and height.
  ///   - stride: the distance between neighbouring windows; default 1.
  ///   - padding: the width of the border of zeros on each side; default 0.
  ///   - bias: whether there is a bias; default true.
  ///   - initializer: the distribution of the weight; default Xavier with gain 1.
  ///   - generator: the source of the weight, from which one draw is taken.
  public init(
    _ inputChannels: Int, _ outputChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    bias: Bool = true, initializer: Linear.Initializer = .xavier(gain: 1),
    using generator: inout Philox
  ) {
    weight = Parameter(
      initializer.weight([outputChannels, inputChannels, kernel, kernel], using: &generator))
    self.bias = bias ? Parameter(.zeros([outputChannels])) : nil
    self.stride = stride
    self.padding = padding
  }

  /// The convolution of x, [batch, height, width, in].
  public func callAsFunction(_ x: Tensor) -> Tensor { applying(weight.tensor, to: x) }

  /// The convolution of x, [batch, height, width, in].
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }

  /// The convolution of x with another weight.
  public func applying(_ weight: Tensor, to x: Tensor) -> Tensor {
    x.convolution2D(weight, bias: bias?.tensor, stride: stride, padding: padding)
  }
}
