/// The part of the older tape that a computation has read.
struct CapturedNodes {
  /// The nodes that are older than the computation and that it has read, oldest first.
  private(set) var nodes: [Node] = []
  /// Whether the computation has operators of which only the pullback is known, so that they cannot
  /// be differentiated again.
  private(set) var hasOpaqueRules = false

  /// Searches everything that was computed since a mark, which is the sequence number of a node.
  init(by outputs: [Tensor], since mark: Int) {
    var seen = Set<Int>(minimumCapacity: 32)
    var pending = outputs.compactMap(\.node)
    while let node = pending.popLast() {
      guard seen.insert(node.sequence).inserted else { continue }
      if node.sequence < mark {
        nodes.append(node)
      } else {
        if node.isOpaque || node.hidesOpaqueRules { hasOpaqueRules = true }
        for input in node.inputs { if let input { pending.append(input) } }
      }
    }
    nodes.sort { $0.sequence < $1.sequence }
  }
}
