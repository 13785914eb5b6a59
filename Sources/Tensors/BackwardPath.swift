import CKernels

/// The part of the tape between some outputs and the nodes whose cotangents are wanted.
///
/// A path is found once and may be run any number of times. A node that is older than every target
/// cannot lead to one, so the search stops there: a pullback through one application of a map never
/// walks into the graph that computed the map's inputs. Of the other nodes, only those from which a
/// target can be reached are visited. Each rule is told which of its inputs matter (`Needs`), so
/// that a product with the state's Jacobian computes no weight gradients.
struct BackwardPath {
  /// The nodes of the path, from the outputs to the oldest one; an input's index is larger than its
  /// user's.
  private let nodes: [Node]
  private let inputs: [[Int]]
  private let needs: [Needs]
  /// Whether a node is a target.
  private let isTarget: [Bool]
  /// The position of each output in `nodes`, or -1 for an output that is not on the path.
  private let outputs: [Int]
  /// Whether the outputs also depend on a recorded tensor that is not a target.
  let hasOtherSources: Bool

  /// The path from outputs to `targets`, or to every variable if `targets` is nil.
  ///
  /// - Parameters:
  ///   - ends: the nodes of the outputs; nil for an output that is a constant.
  ///   - targets: the nodes at which the search ends.
  ///   - mark: a node that is older than this, and is not a target, counts as a constant; default
  ///     the oldest target.
  init(from ends: [Node?], to targets: [Node]?, since mark: Int? = nil) {
    let wanted = targets.map { Descending($0.map(\.sequence).sorted(by: >)) }
    let oldest = mark ?? wanted?.last ?? 0
    let isWanted = { (node: Node) in
      wanted.map { $0.position(of: node.sequence) != nil } ?? node.isVariable
    }
    // The inputs are read once, because another thread may release the node meanwhile.
    var found: [(node: Node, inputs: [Node?])] = []
    var seen: Set<Int> = []
    var pending = ends.compactMap { $0 }
    var others = false
    while let node = pending.popLast() {
      let isEnd = wanted != nil && isWanted(node)
      guard node.sequence >= oldest || isEnd else {
        others = true
        continue
      }
      guard seen.insert(node.sequence).inserted else { continue }
      guard let inputs = node.inputsUnlessReleased else { BackwardPath.stopAtReleasedNode() }
      // The path ends at a target: whoever asked for its cotangent decides what happens behind it.
      found.append((node, isEnd ? [] : inputs))
      if inputs.isEmpty && !isEnd { others = true }
      for input in found[found.count - 1].inputs { if let input { pending.append(input) } }
    }
    hasOtherSources = others
    found.sort { $0.node.sequence > $1.node.sequence }

    let order = Descending(found.map(\.node.sequence))
    var isReaching = [Bool](repeating: false, count: found.count)
    for index in found.indices.reversed() {
      isReaching[index] =
        isWanted(found[index].node)
        || found[index].inputs.contains {
          $0.flatMap { order.position(of: $0.sequence) }.map { isReaching[$0] } ?? false
        }
    }

    let path = found.indices.filter { isReaching[$0] }
    let place = Descending(path.map { found[$0].node.sequence })
    nodes = path.map { found[$0].node }
    outputs = ends.map { $0.flatMap { place.position(of: $0.sequence) } ?? -1 }
    isTarget = nodes.map(isWanted)
    inputs = path.map {
      found[$0].inputs.map { input in input.flatMap { place.position(of: $0.sequence) } ?? -1 }
    }
    needs = inputs.map { indices in
      var needs = Needs()
      for (input, index) in indices.enumerated() where index >= 0 { needs.insert(input) }
      return needs
    }
  }

  @inline(__always)
  private static func add(_ cotangent: Tensor, to sum: inout Tensor?) {
    if sum == nil { sum = cotangent } else { sum?.accumulate(cotangent) }
  }

  private static func stopAtReleasedNode() -> Never {
    callerMistake(
      "this graph has been released by another call of gradients(of:). If a value was carried over "
        + "from an earlier step (a warm start, a running state), detach it first: .detached(). If "
        + "several backward passes go through one graph, pass retainingGraph: true to all but the last"
    )
  }

  /// Whether a rule on the path, or on a tape behind one, cannot itself be recorded.
  var hasOpaqueRules: Bool { nodes.contains { $0.isOpaque || $0.hidesOpaqueRules } }

  /// Carries cotangents from the outputs to the targets.
  ///
  /// Rules take states for whole ones, wherever this is called: what was recorded where states lie in
  /// parts goes back there itself (`StateSharding`).
  ///
  /// - Parameters:
  ///   - seeds: dL/doutput, one for each output.
  ///   - releasing: whether nodes are forgotten as soon as they have been used, which frees what
  ///     they hold but makes this the last run.
  ///   - creatingGraph: whether the rules themselves are recorded (second derivatives).
  ///   - report: called with whatever an operator reports about its backward pass.
  ///   - receive: called once for every target on the path, with its cotangent.
  /// - Throws: what a rule throws.
  func run(
    seeds: [Tensor], releasing: Bool, creatingGraph: Bool,
    report: (Node, any Sendable) -> Void = { _, _ in }, receive: (Node, Tensor) -> Void
  ) throws {
    guard !nodes.isEmpty else { return }
    var cotangents = [Tensor?](repeating: nil, count: nodes.count)
    let former = ck_profile_is_on() ? ck_profile_set_backward(true) : false
    defer { if ck_profile_is_on() { _ = ck_profile_set_backward(former) } }
    try recording(creatingGraph) {
      for (output, seed) in zip(outputs, seeds) where output >= 0 {
        BackwardPath.add(seed, to: &cotangents[output])
      }
      for index in nodes.indices {
        let node = nodes[index]
        guard let cotangent = cotangents[index] else { continue }
        cotangents[index] = nil
        if isTarget[index] { receive(node, cotangent) }
        guard !needs[index].isEmpty else { continue }
        if creatingGraph, node.isOpaque {
          callerMistake(
            "\(node.operatorName) has no second derivative: its rule is not known to be one that can "
              + "be differentiated; where it is, say so (differentiatesAgain: true)")
        }
        // A rule that is missing here was released by another thread: only an operator, which has a
        // rule, has inputs that matter.
        guard let rule = node.rule else { BackwardPath.stopAtReleasedNode() }
        let results = try StateSharding.outside {
          try measured(node.operation) { () -> [Tensor?] in
            switch rule {
            case .plain(let rule): return try rule(cotangent, node.keptOutput, needs[index])
            case .reporting(let rule):
              let (results, words) = try rule(cotangent, node.keptOutput, needs[index])
              if let words { report(node, words) }
              return results
            }
          }
        }
        for (input, target) in inputs[index].enumerated() where target >= 0 {
          if let result = results[input] { BackwardPath.add(result, to: &cotangents[target]) }
        }
        if releasing { node.release() }
      }
    }
  }
}

/// Sequence numbers in descending order, with a binary search.
private struct Descending {
  private let numbers: [Int]
  init(_ numbers: [Int]) { self.numbers = numbers }
  var last: Int? { numbers.last }

  func position(of number: Int) -> Int? {
    var (low, high) = (0, numbers.count)
    while low < high {
      let middle = (low + high) / 2
      if numbers[middle] > number { low = middle + 1 } else { high = middle }
    }
    return low < numbers.count && numbers[low] == number ? low : nil
  }
}
