// Trading time for memory: parts of a computation that the tape does not keep.

/// The values of `body`, computed again on the way back instead of being kept.
///
/// ```swift
/// let z = try recomputed([z0]) { inputs in
///   var z = inputs[0]
///   for _ in 0..<10 { z = (z.matmul(w) + x).tanh() }
///   return [z]
/// }[0]
/// ```
/// The tape holds the inputs and the outputs, one node in all; the way back runs `body` once more,
/// recorded, and through it. Gradients also reach the recorded tensors that `body` captures, and may
/// be differentiated again.
///
/// - Parameters:
///   - inputs: what `body` is given.
///   - body: returns the same for the same inputs every time; draws of random numbers have to be
///     repeated by copying the generator.
/// - Returns: what `body` returns; its tensors must have one dtype.
/// - Throws: what `body` throws.
/// - Complexity: one more run of `body` on the way back; its own tape exists only during a run.
public func recomputed(
  _ inputs: [Tensor], _ body: @escaping ([Tensor]) throws -> [Tensor]
) throws -> [Tensor] {
  guard isRecording else { return try body(inputs) }
  let segment = RecomputedSegment(inputs: inputs, body: body)
  let (outputs, read) = try segment.firstRun()
  let captured = read.nodes
  guard !captured.isEmpty || inputs.contains(where: \.isRecorded) else { return outputs }
  let node = Node(
    inputs: inputs.map(\.node) + captured, output: nil, operation: "recomputed",
    hidesOpaqueRules: read.hasOpaqueRules,
    rule: { v, _, _ in try segment.pullback(v.reshaped([v.count]), to: captured) })
  if outputs.count == 1 { return [Tensor(outputs[0].storage, outputs[0].shape, node: node)] }
  let all = withoutRecording { flattened(outputs) }
  let recorded = Tensor(all.storage, all.shape, node: node)
  var offset = 0
  return outputs.map { output in
    defer { offset += output.count }
    return recorded.slice(offset..<offset + output.count).reshaped(output.shape)
  }
}

/// All elements of some tensors, one after the other.
private func flattened(_ tensors: [Tensor]) -> Tensor {
  let flat = tensors.map { $0.reshaped([$0.count]) }
  return flat.count == 1 ? flat[0] : Tensor.concatenated(flat)
}

/// One run of what is computed again.
///
/// What draws numbers, and was made outside of it, would draw others in the next run: whoever keeps such a
/// state compares the run in which it was made with the present one.
package final class RecomputedRun: Sendable {
  /// The run that is going on; nil outside of what is computed again.
  @TaskLocal package static var current: RecomputedRun?
}

struct RecomputedSegment {
  let inputs: [Tensor]
  let body: ([Tensor]) throws -> [Tensor]

  /// Runs `body` at points of its own; where derivatives are to be recorded, they pass to the inputs.
  private func run(keepingHistory: Bool) throws -> (leaves: [Node], outputs: [Tensor]) {
    let leaves = inputs.map { Node(passingTo: keepingHistory ? $0.node : nil) }
    let points = zip(inputs, leaves).map { Tensor($0.storage, $0.shape, node: $1) }
    let outputs = try RecomputedRun.$current.withValue(RecomputedRun()) {
      try recording(true) { try body(points) }
    }
    return (leaves, outputs)
  }

  /// The outputs as constants, and the recorded tensors that `body` captured: what is older than
  /// this run and was read by it.
  func firstRun() throws -> (outputs: [Tensor], read: CapturedNodes) {
    let mark = Node(isVariable: false).sequence
    let (_, outputs) = try run(keepingHistory: false)
    return (outputs.map { $0.detached() }, CapturedNodes(by: outputs, since: mark))
  }

  func pullback(_ v: Tensor, to captured: [Node]) throws -> [Tensor?] {
    let records = isRecording
    let (leaves, outputs) = try run(keepingHistory: records)
    let output = recording(true) { flattened(outputs) }
    let ends = leaves + captured
    var cotangents: [Int: Tensor] = [:]
    try BackwardPath(from: [output.node], to: ends).run(
      seeds: [v], releasing: false, creatingGraph: records
    ) { node, cotangent in cotangents[node.sequence] = cotangent }
    return ends.map { cotangents[$0.sequence] }
  }
}
