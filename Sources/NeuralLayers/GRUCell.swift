import Tensors

/// A gated recurrent unit, in PyTorch's convention and with its names.
///
/// Cho et al. 2014.
public struct GRUCell: Module {
  /// [3 hidden, input], gates r, z, n.
  public let weightIh: Parameter
  /// [3 hidden, hidden].
  public let weightHh: Parameter
  /// [3 hidden].
  public let biasIh: Parameter
  /// [3 hidden].
  public let biasHh: Parameter

  /// A cell with Xavier-uniform input weights, orthogonal state weights and zero biases.
  public init(_ inputSize: Int, _ hiddenSize: Int, using generator: inout Philox) {
    weightIh = Parameter(.xavierUniform([3 * hiddenSize, inputSize], using: &generator))
    weightHh = Parameter(.orthogonal(3 * hiddenSize, hiddenSize, using: &generator))
    biasIh = Parameter(.zeros([3 * hiddenSize]))
    biasHh = Parameter(.zeros([3 * hiddenSize]))
  }

  /// The next state, [rows, hidden], from an input [rows, input] and a state [rows, hidden].
  public func callAsFunction(_ input: Tensor, state: Tensor) -> Tensor {
    Tensor.gruGates(
      inputs: input.linear(weightIh.tensor, bias: biasIh.tensor),
      hidden: state.linear(weightHh.tensor, bias: biasHh.tensor), state: state)
  }
}
