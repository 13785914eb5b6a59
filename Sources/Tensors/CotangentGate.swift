/// A place on the tape at which cotangents may be held up, sample by sample, and the tape cut.
///
/// Truncated backpropagation learns only at the end of a solve where each sample's gradient is to
/// stop. A gate is set after every step, and its rule asks when it is reached; where no sample can
/// still need what lies behind it, `close` lets go of that part of the tape at once.
package final class CotangentGate {
  private var nodes: [Node] = []

  /// A gate that nothing has passed yet.
  package init() {}

  /// The same value; on the way back, its cotangent in the samples that `passes` lets through.
  ///
  /// - Parameters:
  ///   - tensor: what passes the gate.
  ///   - passes: one flag per sample, asked on the way back.
  /// - Returns: the value, recorded behind the gate if the tensor is.
  package func gated(_ tensor: Tensor, passes: @escaping () -> [Bool]) -> Tensor {
    let result = Tensor(tensor.storage, tensor.shape).recorded(
      from: [tensor], operation: "gate", { v, _, _ in [v.keepingSamples(passes())] })
    if let node = result.node { nodes.append(node) }
    return result
  }

  /// Cuts the tape here: what was computed before is a constant from now on.
  package func close() {
    for node in nodes { node.sever() }
    nodes = []
  }
}
