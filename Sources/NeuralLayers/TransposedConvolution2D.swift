import Tensors

/// A transposed 2-D convolution of channels-last images: the adjoint of `Convolution2D`, plus a bias.
///
/// ```swift
/// let layer = TransposedConvolution2D(8, 4, kernel: 4, stride: 2, padding: 1, using: &random)
/// let y = layer(x)                     // [batch, 5, 5, 8] to [batch, 10, 10, 4]
/// ```
public struct TransposedConvolution2D: WeightedLayer, Layer {
  /// The weight, [in, out, kernel, kernel].
  public let weight: Parameter
  /// 1, where the weight has its outputs.
  public var outputAxis: Int { 1 }
  /// The bias, [out], if there is one.
  public let bias: Parameter?
  /// The distance between the windows of neighbouring pixels of the input.
  public let stride: Int
  /// The number of rows and columns that are cut off on each side.
  public let padding: Int
  /// Additional rows and columns at the end, which the other numbers do not determine.
  public let outputPadding: Int

  /// A transposed convolution with a random weight and a zero bias.
  ///
  /// - Parameters:
  ///   - inputChannels: the number of channels of the image.
  ///   - outputChannels: the number of channels of the result.
  ///   - kernel: the window's width and height.
  ///   - stride: the distance between the windows of neighbouring pixels; default 1.
  ///   - padding: the number of rows and columns that are cut off on each side; default 0.
  ///   - outputPadding: additional rows and columns at the end, less than the stride; default 0.
  ///   - bias: whether there is a bias; default true.
  ///   - initializer: the distribution of the weight; default Xavier with gain 1.
  ///   - generator: the source of the weight, from which one draw is taken.
  public init(
    _ inputChannels: Int, _ outputChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    outputPadding: Int = 0, bias: Bool = true, initializer: Linear.Initializer = .xavier(gain: 1),
    using generator: inout Philox
  ) {
    let shape: Shape = [inputChannels, outputChannels, kernel, kernel]
    switch initializer {
    case .xavier(let gain):
      weight = Parameter(.xavierUniform(shape, gain: gain, using: &generator))
    case .kaiming:
      // Each element of the result depends on in * kernel^2 / stride^2 of the weights.
      weight = Parameter(
        .kaimingUniform(
          [outputChannels, inputChannels, kernel, kernel], using: &generator
        ).swappedAxes(0, 1) * Double(stride))
    }
    self.bias = bias ? Parameter(.zeros([outputChannels])) : nil
    self.stride = stride
    self.padding = padding
    self.outputPadding = outputPadding
  }

  /// The transposed convolution of x, [batch, height, width, in].
  ///
  /// - Returns: [batch, (height - 1) stride - 2 padding + kernel + outputPadding, likewise, out].
  public func callAsFunction(_ x: Tensor) -> Tensor { applying(weight.tensor, to: x) }

  /// The transposed convolution of x, [batch, height, width, in].
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }

  /// The transposed convolution of x with another weight.
  public func applying(_ weight: Tensor, to x: Tensor) -> Tensor {
    x.convolution2DTransposed(
      weight, bias: bias?.tensor, stride: stride, padding: padding, outputPadding: outputPadding)
  }
}
