import Tensors

/// Two linear layers with an activation between: the perceptron of transformers and slot attention.
///
/// Its parameters are named "0.weight" to "2.bias"; number 1 is the activation.
public struct Perceptron: Layer {
  /// The layer before the activation.
  public let hidden: Linear
  /// The layer after it.
  public let output: Linear
  /// The activation between the layers.
  public let activation: Activation

  /// The names of a sequence of three layers.
  public static let parameterNames = ["hidden": "0", "output": "2"]

  /// A perceptron in -> hidden -> out.
  ///
  /// The first layer is initialised by Kaiming's distribution, the second by Xavier's with the
  /// given gain.
  ///
  /// - Parameters:
  ///   - inputSize: the width of x.
  ///   - hiddenSize: the width between the layers.
  ///   - outputSize: the width of the result.
  ///   - gain: the gain of the second layer's initial weight; default 1.
  ///   - activation: the function between the layers; default the rectifier.
  ///   - generator: the source of the weights, from which two draws are taken.
  public init(
    _ inputSize: Int, hidden hiddenSize: Int, _ outputSize: Int, gain: Double = 1,
    activation: Activation = .relu, using generator: inout Philox
  ) {
    hidden = Linear(inputSize, hiddenSize, initializer: .kaiming, using: &generator)
    output = Linear(
      hiddenSize, outputSize, initializer: .xavier(gain: gain), using: &generator)
    self.activation = activation
  }

  /// W2 s(W1 x + b1) + b2 for x of shape [..., in].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    activation == .relu ? output(hidden(x, rectified: true)) : output(activation(hidden(x)))
  }

  /// W2 s(W1 x + b1) + b2.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}
