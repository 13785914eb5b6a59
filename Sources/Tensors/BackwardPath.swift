import CKernels

/// The part of the tape between some outputs and the nodes whose cotangents are wanted.
///
/// A path is found once and may be run any number of times. A node that is older than every target
/// cannot lead to one, so the search stops there: a pullback through one application of a map never
/// walks into the graph that computed the map's inputs. Of the other nodes, only those from which a
/// target can be reached are visited. Each rule is told which of its inputs matter (`Needs`), so
/// that a product with the state's Jacobian computes no weight gradients.
struct BackwardPath {
  /// A node of the path, and what a pass has to know of it.
  private struct Step {
    let node: Node
    /// The position of each input in `steps`, or -1 for an input that is not on the path.
    let inputs: [Int]
    /// The inputs that are on the path.
    let needs: Needs
    let isTarget: Bool
  }

  /// The nodes from the outputs to the oldest one; an input's position is larger than its user's.
  private let steps: [Step]
  /// The position of each output in `steps`, or -1 for an output that is not on the path.
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
    let wanted = targets.map { $0.map(\.sequence).sorted(by: >) }
    let oldest = mark ?? wanted?.last ?? 0
    let isWanted = { (node: Node) in
      wanted.map { position(of: node.sequence, in: $0, by: { $0 }) != nil } ?? node.isVariable
    }
    // The inputs are read once, because another thread may release the node meanwhile.
    var found: [(node: Node, inputs: [Node?], isTarget: Bool)] = []
    var seen = Set<Int>(minimumCapacity: 32)
    var pending = ends.compactMap { $0 }
    found.reserveCapacity(16)
    pending.reserveCapacity(16)
    var others = false
    while let node = pending.popLast() {
      let isTarget = isWanted(node)
      guard node.sequence >= oldest || isTarget else {
        others = true
        continue
      }
      guard seen.insert(node.sequence).inserted else { continue }
      guard let inputs = node.inputsUnlessReleased else { BackwardPath.stopAtReleasedNode() }
      // The path ends at a target: whoever asked for its cotangent decides what happens behind it.
      let isEnd = isTarget && wanted != nil
      found.append((node, isEnd ? [] : inputs, isTarget))
      if inputs.isEmpty && !isEnd { others = true }
      if !isEnd { for input in inputs { if let input { pending.append(input) } } }
    }
    hasOtherSources = others
    let entries = found.sorted { $0.node.sequence > $1.node.sequence }

    // The position on the path of each node that leads to a target; -1 for another one. The oldest nodes are
    // looked at first, and counted from the end.
    var places = entries.map { _ in -1 }
    func place(_ node: Node?, _ places: [Int]) -> Int {
      node.flatMap { position(of: $0.sequence, in: entries, by: { $0.node.sequence }) }
        .map { places[$0] } ?? -1
    }
    var count = 0
    for (index, entry) in entries.enumerated().reversed() {
      if entry.isTarget || entry.inputs.contains(where: { place($0, places) >= 0 }) {
        places[index] = count
        count += 1
      }
    }
    for index in places.indices where places[index] >= 0 {
      places[index] = count - 1 - places[index]
    }
    outputs = ends.map { place($0, places) }
    var steps: [Step] = []
    steps.reserveCapacity(count)
    for (index, entry) in entries.enumerated() where places[index] >= 0 {
      let inputs = entry.inputs.map { place($0, places) }
      var needs = Needs()
      for (input, place) in inputs.enumerated() where place >= 0 { needs.insert(input) }
      steps.append(
        Step(node: entry.node, inputs: inputs, needs: needs, isTarget: entry.isTarget))
    }
    self.steps = steps
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
  var hasOpaqueRules: Bool { steps.contains { $0.node.isOpaque || $0.node.hidesOpaqueRules } }

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
    seeds: some Sequence<Tensor>, releasing: Bool, creatingGraph: Bool,
    report: (Node, any Sendable) -> Void = { _, _ in }, receive: (Node, Tensor) -> Void
  ) throws {
    guard !steps.isEmpty else { return }
    var cotangents = steps.map { _ in nil as Tensor? }
    let former = ck_profile_is_on() ? ck_profile_set_backward(true) : false
    defer { if ck_profile_is_on() { _ = ck_profile_set_backward(former) } }
    try recording(creatingGraph) {
      for (output, seed) in zip(outputs, seeds) where output >= 0 {
        BackwardPath.add(seed, to: &cotangents[output])
      }
      for (index, step) in steps.enumerated() {
        let node = step.node
        guard let cotangent = cotangents[index].take() else { continue }
        if step.isTarget { receive(node, cotangent) }
        guard !step.needs.isEmpty else { continue }
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
            case .plain(let rule): return try rule(cotangent, node.keptOutput, step.needs)
            case .reporting(let rule):
              let (results, words) = try rule(cotangent, node.keptOutput, step.needs)
              if let words { report(node, words) }
              return results
            }
          }
        }
        for (input, target) in step.inputs.enumerated() where target >= 0 {
          if let result = results[input] { BackwardPath.add(result, to: &cotangents[target]) }
        }
        if releasing { node.release() }
      }
    }
  }
}

/// Where the number stands among the elements' numbers, which descend; nil if it is none of them.
private func position<Element>(
  of number: Int, in elements: [Element], by numberOf: (Element) -> Int
) -> Int? {
  var (low, high) = (0, elements.count)
  while low < high {
    let middle = (low + high) / 2
    if numberOf(elements[middle]) > number { low = middle + 1 } else { high = middle }
  }
  return low < elements.count && numberOf(elements[low]) == number ? low : nil
}
