import Tensors

/// A gated recurrent unit, in PyTorch's convention and, in checkpoints, with its names.
///
/// Cho et al. 2014.
public struct GRUCell: Module {
  /// The weight of the input, [3 hidden, input]; the gates r, z and n stand one below the other.
  public let inputWeight: Parameter
  /// The weight of the state, [3 hidden, hidden], in the same order.
  public let stateWeight: Parameter
  /// The bias that belongs to the input's weight, [3 hidden].
  public let inputBias: Parameter
  /// The bias that belongs to the state's weight, [3 hidden].
  public let stateBias: Parameter

  /// A cell with Xavier-uniform input weights, orthogonal state weights and zero biases.
  public init(_ inputSize: Int, _ hiddenSize: Int, using generator: inout Philox) {
    inputWeight = Parameter(
      .xavierUniform([3 * hiddenSize, inputSize], using: &generator), name: "weight_ih")
    stateWeight = Parameter(
      .orthogonal(3 * hiddenSize, hiddenSize, using: &generator), name: "weight_hh")
    inputBias = Parameter(.zeros([3 * hiddenSize]), name: "bias_ih")
    stateBias = Parameter(.zeros([3 * hiddenSize]), name: "bias_hh")
  }

  /// The next state, [rows, hidden], from an input [rows, input] and a state [rows, hidden].
  public func callAsFunction(_ input: Tensor, state: Tensor) -> Tensor {
    Tensor.gruGates(
      inputs: input.linear(inputWeight.tensor, bias: inputBias.tensor),
      hidden: state.linear(stateWeight.tensor, bias: stateBias.tensor), state: state)
  }
}
