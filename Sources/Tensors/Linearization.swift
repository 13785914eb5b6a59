/// A function near a point: its value and the products with its Jacobian, both ways, exactly.
///
/// ```swift
/// let near = try Linearization(at: z, of: map)
/// let forwards = try near.pushforward(s)   // J s, nil if an operator of f is fused
/// let back = try near.pullback(v)          // J^T v
/// ```
/// The tape runs backwards only, but w -> J^T w is linear, and its transpose is J: the backward
/// pass is recorded once with respect to w, and J s is a backward pass through that record. This
/// is exact for every operator whose rule is written in operators. A fused operator has no such
/// record; then only `pullback` is there.
public struct Linearization {
  /// f(x), not recorded.
  public let value: Tensor

  private let path: BackwardPath
  private let record: BackwardPath?
  private let inputShape: Shape

  /// Evaluates f once, recorded, at the detached x.
  ///
  /// - Throws: what `f` throws.
  /// - Complexity: one evaluation and one backward pass, both kept.
  public init(at x: Tensor, of f: (Tensor) throws -> Tensor) throws {
    let point = Node(isVariable: false)
    let value = try recording(true) { try f(Tensor(x.storage, x.shape, node: point)) }
    path = BackwardPath(from: value.node, to: [point])
    let seed = Node(isVariable: false)
    self.value = value.detached()
    inputShape = x.shape
    if path.hasFusedOperators {
      record = nil
    } else {
      // Any w will do: the record of a linear function does not depend on where it was made.
      let zero = value.zerosLike()
      var product: Tensor?
      try path.run(
        seed: Tensor(zero.storage, zero.shape, node: seed),
        releasing: false, creatingGraph: true
      ) { _, gradient in product = gradient }
      record = BackwardPath(from: product?.node, to: [seed])
    }
  }

  /// J^T v, J = df/dx.
  ///
  /// - Parameter v: of the value's shape.
  /// - Returns: a tensor of the shape of x.
  /// - Throws: what an operator's rule throws.
  public func pullback(_ v: Tensor) throws -> Tensor {
    try run(path, v) ?? .zeros(inputShape, dtype: value.dtype)
  }

  /// J s, or nil where an operator of f has no second derivative.
  ///
  /// - Parameter s: of the shape of x.
  /// - Returns: a tensor of the value's shape, or nil.
  /// - Throws: what an operator's rule throws.
  public func pushforward(_ s: Tensor) throws -> Tensor? {
    guard let record else { return nil }
    return try run(record, s) ?? value.zerosLike()
  }

  private func run(_ path: BackwardPath, _ cotangent: Tensor) throws -> Tensor? {
    var product: Tensor?
    try path.run(
      seed: cotangent, releasing: false, creatingGraph: false
    ) { _, gradient in product = gradient }
    return product
  }
}
