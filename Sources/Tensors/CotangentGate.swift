/// A place on the tape where cotangents can be stopped, sample by sample, and where the tape can be
/// cut.
///
/// Truncated backpropagation learns only at the end of a solve where the gradient of each sample is
/// to stop. So a gate is set after every step, and its rule asks `passes` when the backward pass
/// reaches it. As soon as no sample can need the part of the tape behind a gate, `close` releases
/// that part.
package final class CotangentGate {
  private var nodes: [Node] = []

  /// A gate that nothing has passed yet.
  package init() {}

  /// The same value, whose cotangent reaches the tape behind it only in the samples that `passes`
  /// lets through.
  ///
  /// - Parameters:
  ///   - tensor: the value that passes the gate.
  ///   - passes: returns one flag per sample; called during the backward pass.
  /// - Returns: the same elements; recorded if `tensor` is.
  package func gated(_ tensor: Tensor, passes: @escaping () -> [Bool]) -> Tensor {
    let result = Tensor(tensor.storage, tensor.shape).recorded(
      from: [tensor], operation: "gate", { v, _, _ in [v.keepingSamples(passes())] })
    if let node = result.node { nodes.append(node) }
    return result
  }

  /// Cuts the tape at this gate: everything that was computed before it is a constant from now on.
  package func close() {
    for node in nodes { node.sever() }
    nodes = []
  }
}
