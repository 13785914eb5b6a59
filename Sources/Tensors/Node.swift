import CKernels

/// How an operator carries a cotangent back to its inputs.
///
/// - cotangent: dL/doutput, of the output's shape.
/// - output: the operator's result, if it was recorded with `keepingOutput`; else an empty tensor.
/// - needs: which inputs matter; what is returned at other positions is ignored.
///
/// Returns one cotangent per input, nil for none.
typealias VectorJacobianProduct =
  (_ cotangent: Tensor, _ output: Tensor, _ needs: Needs) throws -> [Tensor?]

/// The inputs of an operator for which a cotangent is wanted.
struct Needs: Sendable {
  var bits: UInt64
  subscript(input: Int) -> Bool { bits & (1 << UInt64(input)) != 0 }
}

/// One operator on the tape, or a variable (which has no inputs and no rule).
///
/// Nodes are ordered by `sequence`: an input is always older than what is computed from it.
/// A node is written when it is made and when it is released; both happen while no other thread
/// can see it, except for variables, which never change. Hence `@unchecked Sendable`.
final class Node: @unchecked Sendable {
  let sequence = ck_node_created()
  /// The nodes of the operator's inputs; nil for constants.
  fileprivate(set) var inputs: [Node?]
  fileprivate(set) var rule: VectorJacobianProduct?
  /// The operator's name if its rule cannot itself be recorded (no second derivatives).
  let fusedName: String?
  private let output: (storage: Storage, shape: Shape)?
  /// Whether gradients with respect to this leaf belong in a table of gradients.
  ///
  /// The point at which a pullback is taken is a leaf too, but a private one.
  let isVariable: Bool

  /// A leaf.
  init(isVariable: Bool = true) {
    inputs = []
    rule = nil
    output = nil
    fusedName = nil
    self.isVariable = isVariable
  }

  init(
    inputs: [Node?], output: (Storage, Shape)?, fusedName: String?,
    rule: @escaping VectorJacobianProduct
  ) {
    self.inputs = inputs
    self.output = output
    self.fusedName = fusedName
    self.rule = rule
    isVariable = false
  }

  /// The operator's result, as it is handed to the rule.
  var keptOutput: Tensor {
    guard let output else { return Node.nothing }
    return Tensor(output.storage, output.shape, node: self)
  }

  private static let nothing = Tensor([], shape: [0], dtype: .float32)

  /// Whether a backward pass has used this node up.
  private(set) var isReleased = false

  /// Forgets the rule and the inputs, once they are no longer needed.
  func release() {
    rule = nil
    inputs = []
    isReleased = true
  }

  /// Releases the whole chain of nodes that only this one keeps alive, without recursion.
  ///
  /// A tape may be longer than the stack is deep. A rule is dropped before the list of inputs, which
  /// holds whatever the rule captured, so that dropping it never starts a second chain.
  deinit {
    ck_node_destroyed()
    guard !inputs.isEmpty else { return }
    rule = nil
    var pending: [Node] = inputs.compactMap { $0 }
    inputs = []
    while var node = pending.popLast() {
      if isKnownUniquelyReferenced(&node) {
        node.rule = nil
        for input in node.inputs { if let input { pending.append(input) } }
        node.inputs = []
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
  ///   - inputs: the operands, in the order of the rule's cotangents.
  ///   - keepingOutput: whether `rule` reads the output; only then the tape keeps it.
  ///   - name: the operator's name if `rule` is not written in tensor operators.
  ///   - rule: evaluated only when there is something to record.
  /// - Returns: the same elements, with a node if they are recorded.
  func recorded(
    from inputs: [Tensor], keepingOutput: Bool = false, fused name: String? = nil,
    _ rule: @autoclosure () -> VectorJacobianProduct
  ) -> Tensor {
    guard Tensor.records(inputs) else { return self }
    let node = Node(
      inputs: inputs.map(\.node), output: keepingOutput ? (storage, shape) : nil,
      fusedName: name, rule: rule())
    return Tensor(storage, shape, node: node)
  }
}
