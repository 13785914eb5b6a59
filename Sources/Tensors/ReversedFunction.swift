/// A map whose applications are differentiated one at a time, long after a value was computed by
/// them.
///
/// The tape holds none of these applications. One extra application, which is thrown away, shows
/// which recorded tensors the map captures; cotangents that are found in another way than by the
/// tape can then be handed to these tensors.
package struct ReversedFunction {
  private let map: (Tensor) throws -> Tensor
  /// The nodes that f read and that are older than its application.
  private let captured: [Node]
  private let hasOpaqueRules: Bool

  /// The cotangents of all tensors that f captures, one for each; nil where there is none yet.
  package struct Cotangents {
    fileprivate var tensors: [Tensor?]

    /// Adds the cotangents of another application.
    package mutating func add(_ other: Cotangents) {
      for (index, tensor) in other.tensors.enumerated() {
        guard let tensor else { continue }
        if tensors[index] == nil {
          tensors[index] = tensor
        } else {
          tensors[index]?.accumulate(tensor)
        }
      }
    }
  }

  /// Applies f once, recorded, to see which tensors it captures.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - point: any point at which f may be applied.
  /// - Throws: what `map` throws.
  package init(_ map: @escaping (Tensor) throws -> Tensor, at point: Tensor) throws {
    self.map = map
    let mark = Node(isVariable: false).sequence
    let read = CapturedNodes(
      by: [try recording(true) { try map(point.detached()) }], since: mark)
    (captured, hasOpaqueRules) = (read.nodes, read.hasOpaqueRules)
  }

  /// Whether f captures no recorded tensor.
  package var isConstant: Bool { captured.isEmpty }

  /// A list without any cotangent, to which others are added.
  package var noCotangents: Cotangents { Cotangents(tensors: captured.map { _ in nil }) }

  /// f(x), and v -> J^T v together with the cotangents of the tensors that f captures.
  package func application(
    at x: Tensor
  ) throws -> (image: Tensor, pullback: (Tensor) throws -> (Tensor, Cotangents)) {
    let point = Node(isVariable: false)
    let image = try recording(true) { try map(Tensor(x.storage, x.shape, node: point)) }
    let read = CapturedNodes(by: [image], since: point.sequence).nodes
    expect(
      read.allSatisfy { node in captured.contains { $0 === node } },
      "the map reads other tensors at other states, whose gradients would be lost on a way that is "
        + "reversed; use .unrolled")
    return (
      image.detached(),
      { v in
        var found: [Int: Tensor] = [:]
        try BackwardPath(from: [image.node], to: captured + [point]).run(
          seeds: [v], releasing: false, creatingGraph: false
        ) { node, cotangent in found[node.sequence] = cotangent }
        return (
          found[point.sequence] ?? x.zerosLike(),
          Cotangents(tensors: captured.map { found[$0.sequence] })
        )
      }
    )
  }

  /// A value that repeated applications of f have made from a start, with the derivatives that
  /// `pullback` finds.
  ///
  /// - Parameters:
  ///   - value: the result, computed without recording.
  ///   - start: the tensor from which it was computed.
  ///   - again: the same computation, which runs recorded if the derivative is itself
  ///     differentiated.
  ///   - pullback: v -> the cotangents of the start and of the tensors that f captures.
  /// - Returns: the value, recorded.
  package func value(
    _ value: Tensor, from start: Tensor, again: @escaping (Tensor) throws -> Tensor,
    pullback: @escaping (Tensor) throws -> (Tensor, Cotangents)
  ) -> Tensor {
    guard isRecording, start.isRecorded || !isConstant else { return value }
    let captured = captured
    let segment = RecomputedSegment(inputs: [start]) { [try again($0[0])] }
    let node = Node(
      inputs: [start.node] + captured, output: nil, operation: "reversed solution",
      hidesOpaqueRules: hasOpaqueRules,
      rule: { v, _, _ in
        if isRecording { return try segment.pullback(v.reshaped([v.count]), to: captured) }
        let (initial, cotangents) = try pullback(v)
        return [initial] + cotangents.tensors
      })
    return Tensor(value.storage, value.shape, node: node)
  }
}
