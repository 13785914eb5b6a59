/// What a computation has read of the tape before it.
struct CapturedNodes {
  /// The nodes older than the computation that it has read, oldest first.
  private(set) var nodes: [Node] = []
  /// Whether there are rules in it of which nothing is known but their pullback.
  private(set) var hasOpaqueRules = false

  /// Searches what was computed since a mark, the sequence number of a node.
  init(by outputs: [Tensor], since mark: Int) {
    var seen: Set<Int> = []
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
