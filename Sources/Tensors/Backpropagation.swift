import CKernels

/// The part of the tape between an output and the nodes whose cotangents are wanted.
///
/// Made once, run any number of times. Nodes older than every target cannot lead to one, so the
/// search stops at them: a pullback through one application of a map never walks into the graph
/// that computed the map's inputs. Of the rest, only nodes from which a target can be reached are
/// visited, and rules are told which of their inputs matter (`Needs`): products with the
/// state's Jacobian compute no weight gradients.
struct BackwardPath {
  /// From the output to the oldest node; an input's index is larger than its user's.
  private let nodes: [Node]
  private let inputs: [[Int]]
  private let needs: [Needs]
  /// Whether a node is a target.
  private let isTarget: [Bool]

  /// The path from `output` to `targets`, or to every variable if `targets` is nil.
  init(from output: Node?, to targets: [Node]?) {
    guard let output else {
      (nodes, inputs, needs, isTarget) = ([], [], [], [])
      return
    }
    let wanted = targets.map { Descending($0.map(\.sequence).sorted(by: >)) }
    let oldest = wanted?.last ?? 0
    let isWanted = { (node: Node) in
      wanted.map { $0.position(of: node.sequence) != nil } ?? node.isVariable
    }
    /// A target is an end: what lies behind it is the business of whoever asked.
    let inputs = { (node: Node) in wanted != nil && isWanted(node) ? [] : node.inputs }

    var found: [Node] = []
    var seen: Set<Int> = []
    var pending = [output]
    while let node = pending.popLast() {
      guard node.sequence >= oldest, seen.insert(node.sequence).inserted else { continue }
      expect(
        !node.isReleased,
        "this graph has been released by an earlier call of gradients(of:); pass "
          + "retainingGraph: true to that call if you need a second backward pass")
      found.append(node)
      for input in inputs(node) { if let input { pending.append(input) } }
    }
    found.sort { $0.sequence > $1.sequence }

    let order = Descending(found.map(\.sequence))
    var isReaching = [Bool](repeating: false, count: found.count)
    for index in found.indices.reversed() {
      isReaching[index] =
        isWanted(found[index])
        || found[index].inputs.contains {
          $0.flatMap { order.position(of: $0.sequence) }.map { isReaching[$0] } ?? false
        }
    }

    let path = found.indices.filter { isReaching[$0] }
    let place = Descending(path.map { found[$0].sequence })
    nodes = path.map { found[$0] }
    isTarget = nodes.map(isWanted)
    self.inputs = nodes.map { node in
      inputs(node).map { input in input.flatMap { place.position(of: $0.sequence) } ?? -1 }
    }
    needs = self.inputs.map { indices in
      var needs = Needs()
      for (input, index) in indices.enumerated() where index >= 0 { needs.insert(input) }
      return needs
    }
  }

  /// Whether a rule on the path cannot itself be recorded.
  var hasFusedOperators: Bool { nodes.contains(where: \.isFused) }

  /// Carries `seed` from the output to the targets.
  ///
  /// - Parameters:
  ///   - seed: dL/doutput.
  ///   - releasing: whether nodes are forgotten as soon as they have been used, which frees what
  ///     they hold but makes this the last run.
  ///   - creatingGraph: whether the rules themselves are recorded (second derivatives).
  ///   - receive: called once for every target on the path, with its cotangent.
  /// - Throws: what a rule throws.
  func run(
    seed: Tensor, releasing: Bool, creatingGraph: Bool,
    receive: (Node, Tensor) -> Void
  ) throws {
    guard !nodes.isEmpty else { return }
    var cotangents = [Tensor?](repeating: nil, count: nodes.count)
    cotangents[0] = seed
    let former = ck_profile_is_on() ? ck_profile_set_backward(true) : false
    defer { if ck_profile_is_on() { _ = ck_profile_set_backward(former) } }
    try recording(creatingGraph) {
      for index in nodes.indices {
        let node = nodes[index]
        guard let cotangent = cotangents[index] else { continue }
        cotangents[index] = nil
        if isTarget[index] { receive(node, cotangent) }
        guard !needs[index].isEmpty, let rule = node.rule else { continue }
        if creatingGraph, node.isFused {
          callerMistake(
            "\(node.operatorName) is a fused operator without a second derivative; compose it from "
              + "basic operators (for an implicit solution, use the estimator .unrolled) where the "
              + "gradient itself is to be differentiated")
        }
        let results = try measured(node.operation) {
          try rule(cotangent, node.keptOutput, needs[index])
        }
        for (input, target) in inputs[index].enumerated() where target >= 0 {
          guard let result = results[input] else { continue }
          if cotangents[target] == nil {
            cotangents[target] = result
          } else {
            cotangents[target]?.accumulate(result)
          }
        }
        if releasing { node.release() }
      }
    }
  }
}

/// Sequence numbers in descending order, searched by halving.
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

/// Gradients by variable.
///
/// ```swift
/// let table = try gradients(of: loss)
/// let step = table[weight]   // nil if the loss does not depend on it
/// ```
public struct Gradients: Sendable {
  private var table: [Int: Tensor] = [:]

  /// An empty table.
  public init() {}

  /// The gradient with respect to a variable; nil where the loss does not depend on it.
  public subscript(variable: Tensor) -> Tensor? {
    get { variable.node.flatMap { table[$0.sequence] } }
    set {
      guard let node = variable.node else {
        callerMistake("a constant has no gradient; make it a variable with variable()")
      }
      table[node.sequence] = newValue
    }
  }

  /// The number of variables with a gradient.
  public var count: Int { table.count }

  fileprivate mutating func insert(_ gradient: Tensor, for node: Node) {
    table[node.sequence] = gradient
  }

  /// Adds the gradients of `other`, variable by variable: those of another part of the batch.
  public mutating func add(_ other: Gradients) {
    var pairs: [(own: Storage, other: Storage)] = []
    for (key, value) in other.table {
      guard let position = table.index(forKey: key) else {
        table[key] = value
        continue
      }
      let shape = table.values[position].shape
      expect(
        shape == value.shape,
        "two gradients of one variable have the shapes \(shape) and \(value.shape)")
      pairs.append((table.values[position].ownedStorage(), value.storage))
    }
    let sums = pairs
    _ = Workers.map(sums.count) { sums[$0].own.accumulate(sums[$0].other) }
  }
}

/// The gradients of a scalar with respect to every variable it depends on.
///
/// - Parameters:
///   - loss: a recorded tensor with one element.
///   - retainingGraph: whether the graph may be used again. By default each node is released as
///     soon as it has been used, and only variables stay alive.
///   - creatingGraph: whether the gradients are recorded too, for second derivatives; implies
///     `retainingGraph`.
/// - Returns: a table by variable.
/// - Throws: what a backward estimator throws, such as a singular adjoint system.
/// - Complexity: one visit of each node that leads to a variable.
public func gradients(
  of loss: Tensor, retainingGraph: Bool = false, creatingGraph: Bool = false
) throws -> Gradients {
  try gradients(
    of: loss, cotangent: .ones(loss.shape, dtype: loss.dtype), retainingGraph: retainingGraph,
    creatingGraph: creatingGraph, scalarOnly: true)
}

/// The gradients of the inner product of `output` and `cotangent`.
///
/// As `gradients(of:)`, for an output of any shape.
public func gradients(
  of output: Tensor, cotangent: Tensor, retainingGraph: Bool = false, creatingGraph: Bool = false
) throws -> Gradients {
  try gradients(
    of: output, cotangent: cotangent, retainingGraph: retainingGraph,
    creatingGraph: creatingGraph, scalarOnly: false)
}

private func gradients(
  of output: Tensor, cotangent: Tensor, retainingGraph: Bool, creatingGraph: Bool,
  scalarOnly: Bool
) throws -> Gradients {
  expect(
    !scalarOnly || output.count == 1,
    "a loss has one element, not shape \(output.shape); reduce it with sum() or mean(), or pass "
      + "a cotangent")
  expect(
    cotangent.shape == output.shape && cotangent.dtype == output.dtype,
    "the cotangent is \(cotangent.dtype) \(cotangent.shape) but the output is "
      + "\(output.dtype) \(output.shape)")
  expect(
    output.node != nil,
    "this output depends on no variable, or was computed without recording, so it has no "
      + "gradient; make the inputs variables with variable()")
  var result = Gradients()
  try BackwardPath(from: output.node, to: nil).run(
    seed: cotangent, releasing: !retainingGraph && !creatingGraph, creatingGraph: creatingGraph
  ) { node, gradient in result.insert(gradient, for: node) }
  return result
}

/// The value of `f` at `x` and the product with its transposed Jacobian there.
///
/// ```swift
/// let (image, pullback) = try valueWithPullback(at: z, of: map)
/// let product = try pullback(v)   // J^T v, J = df/dz
/// ```
/// `f` is evaluated once, recorded, at the detached `x`; `pullback` may be called any number of
/// times and computes gradients of `x` only, not of what `f` captured. `value` is recorded with
/// respect to what `f` captured, so that gradients can flow on from it.
///
/// - Parameters:
///   - x: the point; its own history is ignored.
///   - creatingGraph: whether what `pullback` returns is recorded with respect to what `f`
///     captured and to the cotangent (second derivatives); default false.
///   - f: the function.
/// - Returns: f(x), and v -> J^T v.
/// - Complexity: one recorded evaluation of `f`; one backward pass through it per call of
///   `pullback`.
public func valueWithPullback(
  at x: Tensor, creatingGraph: Bool = false, of f: (Tensor) throws -> Tensor
) rethrows -> (value: Tensor, pullback: (Tensor) throws -> Tensor) {
  let target = Node(isVariable: false)
  let point = Tensor(x.storage, x.shape, node: target)
  let value = try recording(true) { try f(point) }
  var madePath: BackwardPath?
  let pullback: (Tensor) throws -> Tensor = { cotangent in
    expect(
      cotangent.shape == value.shape && cotangent.dtype == value.dtype,
      "the cotangent is \(cotangent.dtype) \(cotangent.shape) but the value is "
        + "\(value.dtype) \(value.shape)")
    let path = madePath ?? BackwardPath(from: value.node, to: [target])
    madePath = path
    var product: Tensor?
    try path.run(
      seed: cotangent, releasing: false, creatingGraph: creatingGraph
    ) { _, gradient in product = gradient }
    return product ?? point.zerosLike()
  }
  return (value, pullback)
}

extension Tensor {
  /// The elements of `value` with the derivatives of this tensor.
  ///
  /// For a point z that was found without recording, where this tensor is z computed once more, up
  /// to rounding or the residual of f(z) = z: the result is z to the last bit. Copies nothing.
  ///
  /// Stops when shapes or dtypes differ.
  public func withElements(of value: Tensor) -> Tensor {
    expect(
      value.shape == shape && value.dtype == dtype,
      "\(value.dtype) \(value.shape) cannot stand for a tensor of \(dtype) \(shape)")
    return value.detached().recorded(from: [self], { v, _, _ in [v] })
  }

  /// The same value; on the way back its cotangent v becomes `body(v)`.
  ///
  /// The seam at which a backward estimator enters: with v = dL/dz*, `body` returns
  /// w ~ (I - J^T)^-1 v. There is no second derivative: what `body` does is not on the tape.
  ///
  /// - Parameters:
  ///   - name: what the operator is called in messages and profiles.
  ///   - body: v -> w; what it throws leaves the call that asks for gradients.
  /// - Returns: the same value, recorded if this tensor is.
  public func transformingCotangent(
    name: StaticString = #function, _ body: @escaping (Tensor) throws -> Tensor
  ) -> Tensor {
    recorded(
      from: [self], fused: true, operation: name,
      { v, _, _ in
        let w = try body(v)
        expect(
          w.shape == v.shape && w.dtype == v.dtype,
          "a transformed cotangent must keep \(v.dtype) \(v.shape), but it came back as "
            + "\(w.dtype) \(w.shape)")
        return [w]
      })
  }
}
