/// A function near a point: its value and the products with its Jacobian, both ways, exactly.
///
/// ```swift
/// let near = try Linearization(at: z, of: map)
/// let forwards = try near.pushforward(s)   // J s
/// let back = try near.pullback(v)          // J^T v
/// ```
/// The tape runs backwards only, but w -> J^T w is linear, and its transpose is J: the backward
/// pass is recorded once with respect to w, and J s is a backward pass through that record. This
/// is exact for every operator whose rule is written in operators. Where an operator is fused, there
/// is no such record: the Jacobian is then assembled, once, from as many pullbacks as a sample has
/// numbers, which is exact too. Samples (axis 0) must not mix then, and f must keep the shape.
public final class Linearization {
  /// f(x), not recorded.
  public let value: Tensor

  private let path: BackwardPath
  private let record: BackwardPath?
  private let inputShape: Shape
  /// J, [batch, n, n], once it had to be assembled.
  private var dense: Tensor?

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

  /// J s.
  ///
  /// - Parameter s: of the shape of x.
  /// - Returns: a tensor of the value's shape.
  /// - Throws: what an operator's rule throws.
  /// - Complexity: one backward pass; with a fused operator, n of them at the first call, for n
  ///   numbers per sample, and n^2 numbers of memory.
  public func pushforward(_ s: Tensor) throws -> Tensor {
    if let record { return try run(record, s) ?? value.zerosLike() }
    let matrices = try dense ?? withoutRecording { try jacobian(like: value, pullback: pullback) }
    dense = matrices
    let flat = s.flatSamples
    return matrices.matmul(flat.reshaped(flat.shape + [1])).reshaped(s.shape)
  }

  private func run(_ path: BackwardPath, _ cotangent: Tensor) throws -> Tensor? {
    var product: Tensor?
    try path.run(
      seed: cotangent, releasing: false, creatingGraph: false
    ) { _, gradient in product = gradient }
    return product
  }
}

/// The dense Jacobian of each sample: J[b, i, j] = d f_i / d z_j.
///
/// - Parameters:
///   - state: any tensor of the state's shape [batch, ...] and dtype, n numbers per sample.
///   - pullback: v -> J^T v on the whole batch.
/// - Returns: [batch, n, n].
/// - Throws: what `pullback` throws.
/// - Complexity: n pullbacks, which serve all samples, as these do not mix.
public func jacobian(like state: Tensor, pullback: (Tensor) throws -> Tensor) throws -> Tensor {
  let shape = state.shape
  let (batch, n) = (shape[0], shape.suffix(from: 1).elementCount)
  guard n > 0 else { return .zeros([batch, 0, 0], dtype: state.dtype) }
  let basis = Tensor.identity(n, dtype: state.dtype)
  let rows = try (0..<n).map { index in
    let seed = basis.slice(index..<index + 1).broadcast(to: [batch, n])
    return try pullback(seed.reshaped(shape)).reshaped([batch, 1, n])
  }
  return Tensor.concatenated(rows, alongAxis: 1)
}

/// The dense Jacobian of each sample of a map at a point.
///
/// - Returns: [batch, n, n] for a state [batch, ...] of n numbers per sample.
/// - Complexity: one evaluation of `map` and n pullbacks.
public func jacobian(of map: (Tensor) throws -> Tensor, at z: Tensor) throws -> Tensor {
  let (_, pullback) = try valueWithPullback(at: z.detached(), of: map)
  return try withoutRecording { try jacobian(like: z, pullback: pullback) }
}
