import CKernels
import Synchronization

/// The rule of an operator: how it carries a cotangent back to its inputs.
///
/// - cotangent: dL/doutput, of the output's shape.
/// - output: the operator's result, if it was recorded with `keepingOutput`; else an empty tensor.
/// - needs: which inputs matter; cotangents that are returned for other inputs are ignored.
///
/// Returns one cotangent per input; nil where there is none.
typealias VectorJacobianProduct =
  (_ cotangent: Tensor, _ output: Tensor, _ needs: Needs) throws -> [Tensor?]

/// A rule like `VectorJacobianProduct` that may also return a report about the operator's backward
/// pass.
typealias ReportingRule =
  (_ cotangent: Tensor, _ output: Tensor, _ needs: Needs) throws -> ([Tensor?], (any Sendable)?)

/// What an operator does in a backward pass.
enum Rule {
  /// A rule that returns the cotangents of the inputs.
  case plain(VectorJacobianProduct)
  /// A rule that returns the cotangents of the inputs, and a report for the table of gradients.
  case reporting(ReportingRule)
}

/// The inputs of an operator for which a cotangent is wanted.
///
/// The last bit stands for input 63 and all later ones, so an operator with more than 64 inputs may
/// compute some cotangents that nobody reads.
struct Needs: Sendable {
  private var bits: UInt64 = 0
  var isEmpty: Bool { bits == 0 }
  subscript(input: Int) -> Bool { bits & Needs.bit(input) != 0 }
  mutating func insert(_ input: Int) { bits |= Needs.bit(input) }
  private static func bit(_ input: Int) -> UInt64 { 1 << UInt64(min(input, 63)) }
}

/// One operator on the tape, or a variable (which has no inputs and no rule).
///
/// Nodes are ordered by `sequence`: an input is always older than a value computed from it. A node
/// is written to when it is made, and again when a backward pass releases it. Another thread may be
/// reading the same node at that moment, so inputs and rule are read and released under a lock:
/// every pass finds a node either whole or released. This is the reason for `@unchecked Sendable`.
final class Node: @unchecked Sendable {
  let sequence = ck_node_created()
  private var ownInputs: [Node?]
  private var ownRule: Rule?
  private var wasReleased = false
  private let isHeld = Atomic<Bool>(false)
  /// The operator's name.
  let operation: StaticString
  /// Whether the rule is not made of tensor operators, so that it cannot be differentiated itself.
  let isOpaque: Bool
  /// Whether the rule works through another tape that has opaque rules.
  let hidesOpaqueRules: Bool
  private let output: (storage: Storage, shape: Shape)?
  /// Whether gradients with respect to this leaf belong in a table of gradients.
  ///
  /// The point at which a pullback is taken is a leaf too, but not a variable: only the pullback
  /// knows it.
  let isVariable: Bool

  /// A leaf.
  init(isVariable: Bool = true) {
    ownInputs = []
    ownRule = nil
    output = nil
    operation = "variable"
    (isOpaque, hidesOpaqueRules) = (false, false)
    self.isVariable = isVariable
  }

  init(
    inputs: [Node?], output: (Storage, Shape)?, operation: StaticString,
    isOpaque: Bool = false, hidesOpaqueRules: Bool = false, rule: @escaping VectorJacobianProduct
  ) {
    ownInputs = inputs
    self.output = output
    self.operation = operation
    (self.isOpaque, self.hidesOpaqueRules) = (isOpaque, hidesOpaqueRules)
    ownRule = .plain(rule)
    isVariable = false
  }

  /// The point of a derivative: a leaf for that derivative; for all other derivatives it passes the
  /// cotangent on to `former`, whose value it has.
  convenience init(passingTo former: Node?) {
    guard let former else {
      self.init(isVariable: false)
      return
    }
    self.init(
      inputs: [former], output: nil, operation: "point", rule: { v, _, _ in [v] })
  }

  /// A node whose rule makes a report.
  init(
    inputs: [Node?], output: (Storage, Shape), operation: StaticString,
    reporting: @escaping ReportingRule
  ) {
    ownInputs = inputs
    self.output = output
    self.operation = operation
    (isOpaque, hidesOpaqueRules) = (false, false)
    ownRule = .reporting(reporting)
    isVariable = false
  }

  /// The name of the operation without its argument labels.
  var operatorName: Substring { "\(operation)".prefix { $0 != "(" } }

  /// The operator's result as the rule gets it: empty unless it was kept.
  var keptOutput: Tensor {
    guard let output else { return Node.nothing }
    return Tensor(output.storage, output.shape, node: self)
  }

  private static let nothing = Tensor([], shape: [0], dtype: .float32)

  /// The nodes of the operator's inputs, nil for constants; empty after the release.
  var inputs: [Node?] { locked { ownInputs } }
  /// The rule; nil for a variable, and after the release.
  var rule: Rule? { locked { ownRule } }
  /// The inputs; nil when a backward pass has released this node.
  var inputsUnlessReleased: [Node?]? { locked { wasReleased ? nil : ownInputs } }

  /// Forgets the rule and the inputs, which no later pass may need: a pass that meets this node
  /// stops.
  func release() {
    letGo(released: true)
  }

  /// Forgets the rule and the inputs, so that the tape ends at this node and later passes treat it
  /// as a leaf.
  func sever() { letGo(released: false) }

  private func letGo(released: Bool) {
    // The forgotten values are destroyed after the lock is released, because they may be the end of
    // a long chain.
    let forgotten = locked { () -> ([Node?], Rule?) in
      defer { (ownInputs, ownRule, wasReleased) = ([], nil, released) }
      return (ownInputs, ownRule)
    }
    withExtendedLifetime(forgotten) {}
  }

  /// Runs `body` under the lock; `body` must take no longer than some assignments.
  @inline(__always)
  private func locked<Result>(_ body: () -> Result) -> Result {
    while isHeld.exchange(true, ordering: .acquiring) { ck_yield() }
    defer { isHeld.store(false, ordering: .releasing) }
    return body()
  }

  /// Releases the whole chain of nodes that only this one keeps alive, without recursion.
  ///
  /// A tape may be longer than the stack is deep, so the chain is released in a loop. Each node's
  /// rule is dropped before its list of inputs: the list refers to everything that the rule
  /// captured, so dropping the rule never starts a second chain.
  deinit {
    ck_node_destroyed()
    guard !ownInputs.isEmpty else { return }
    ownRule = nil
    var pending: [Node] = ownInputs.compactMap { $0 }
    ownInputs = []
    while var node = pending.popLast() {
      if isKnownUniquelyReferenced(&node) {
        node.ownRule = nil
        for input in node.ownInputs { if let input { pending.append(input) } }
        node.ownInputs = []
      }
    }
  }
}

extension Tensor {
  /// Whether an operator on these tensors has to be recorded.
  @inline(__always)
  static func records(_ a: Tensor) -> Bool { a.node != nil && ck_is_recording() }
  @inline(__always)
  static func records(_ a: Tensor, _ b: Tensor) -> Bool {
    (a.node != nil || b.node != nil) && ck_is_recording()
  }
  static func records(_ inputs: [Tensor]) -> Bool {
    ck_is_recording() && inputs.contains { $0.node != nil }
  }

  /// This result, recorded as computed from `inputs`, if recording is on and an input is recorded.
  ///
  /// - Parameters:
  ///   - inputs: the operands, in the order of the rule's cotangents; the list is formed only while
  ///     recording is on.
  ///   - keepingOutput: whether `rule` reads the output; the tape keeps it only then. Default
  ///     false.
  ///   - opaque: whether `rule` is not made of tensor operators, so that it must not be recorded.
  ///     Default false.
  ///   - operation: the operator's name in messages and profiles.
  ///   - rule: the operator's rule; the closure is formed only if there is something to record.
  /// - Returns: the same elements, with a node if they are recorded.
  func recorded(
    from inputs: @autoclosure () -> [Tensor], keepingOutput: Bool = false, opaque: Bool = false,
    operation: StaticString = #function, _ rule: @autoclosure () -> VectorJacobianProduct
  ) -> Tensor {
    guard ck_is_recording() else { return self }
    let inputs = inputs()
    guard inputs.contains(where: { $0.node != nil }) else { return self }
    let node = Node(
      inputs: inputs.map(\.node), output: keepingOutput ? (storage, shape) : nil,
      operation: operation, isOpaque: opaque, rule: rule())
    return Tensor(storage, shape, node: node)
  }
}
