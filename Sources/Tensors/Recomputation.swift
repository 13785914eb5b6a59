// Trading time for memory: parts of a computation that are computed again instead of being kept.

/// The values of `body`, which is computed again in the backward pass instead of being kept on the
/// tape.
///
/// ```swift
/// let z = try recomputed([z0]) { inputs in
///   var z = inputs[0]
///   for _ in 0..<10 { z = (z.matmul(w) + x).tanh() }
///   return [z]
/// }[0]
/// ```
/// The tape holds the inputs and the outputs, and one node in all. The backward pass runs `body`
/// once more, recorded, and goes through that record. Gradients also reach the recorded tensors
/// that `body` captures, and may be differentiated again.
///
/// - Parameters:
///   - inputs: the tensors that `body` is given.
///   - body: the computation. It must return the same values for the same inputs every time, so a
///     generator of random numbers has to be copied inside of it.
/// - Returns: the outputs of `body`, which must all have the same dtype.
/// - Throws: what `body` throws.
/// - Complexity: one more run of `body` in the backward pass; its own tape exists only during a
///   run.
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

/// All elements of some tensors, as one vector.
private func flattened(_ tensors: [Tensor]) -> Tensor {
  let flat = tensors.map { $0.reshaped([$0.count]) }
  return flat.count == 1 ? flat[0] : Tensor.concatenated(flat)
}

/// One run of a computation that is computed again in the backward pass.
///
/// An object that draws random numbers, and was made outside of the run, would draw other numbers
/// in the next run. Whoever keeps such an object can compare the run in which it was made with the
/// present one.
package final class RecomputedRun: Sendable {
  /// The present run; nil outside of computations that are run again.
  @TaskLocal package static var current: RecomputedRun?
}

struct RecomputedSegment {
  let inputs: [Tensor]
  let body: ([Tensor]) throws -> [Tensor]
  /// Every run is in the scope of the first, or the steps of a solve would be others.
  private let sharding = StateSharding.current

  init(inputs: [Tensor], body: @escaping ([Tensor]) throws -> [Tensor]) {
    (self.inputs, self.body) = (inputs, body)
  }

  /// Runs `body` at new points.
  ///
  /// If derivatives are to be recorded, the points pass cotangents on to the inputs.
  private func run(keepingHistory: Bool) throws -> (leaves: [Node], outputs: [Tensor]) {
    let leaves = inputs.map { Node(passingTo: keepingHistory ? $0.node : nil) }
    let points = zip(inputs, leaves).map { Tensor($0.storage, $0.shape, node: $1) }
    let outputs = try RecomputedRun.$current.withValue(RecomputedRun()) {
      try StateSharding.with(sharding) { try recording(true) { try body(points) } }
    }
    return (leaves, outputs)
  }

  /// The outputs as constants, and the recorded tensors that `body` captured: those that it read
  /// and that are older than this run.
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
