/// A function near a point: its value and the products with its Jacobian, both ways, exactly.
///
/// ```swift
/// let near = try Linearization(at: z, of: map)
/// let forwards = try near.pushforward(s)   // J s
/// let back = try near.pullback(v)          // J^T v
/// ```
/// The tape runs backwards only. But w -> J^T w is linear and its transpose is J: the backward pass
/// is recorded once with respect to w, and J s is a backward pass through that record. If f
/// contains an operator of which only the pullback is known (`transformingCotangent`), there is no
/// such record. The Jacobian is then assembled, once, from as many pullbacks as a sample has
/// numbers; this is exact too, but samples (axis 0) must not mix and f must keep the shape.
///
/// The products are constants, so a recorded vector stops the process; `jvp(at:along:of:)` computes
/// a product that can be differentiated again.
public final class Linearization {
  /// f(x), not recorded.
  public let value: Tensor

  private let function: RecordedFunction
  private let record: Pushforward?
  /// J, [batch, n, n]; nil unless it had to be assembled.
  private var dense: Tensor?

  /// Whether J has to be assembled for products J s.
  package var isAssembled: Bool { record == nil }

  /// Evaluates f once, recorded, with x as a constant.
  ///
  /// Stops when x is recorded.
  ///
  /// - Throws: what `f` throws.
  /// - Complexity: one evaluation and one backward pass, whose records are both kept.
  public init(at x: Tensor, of f: (Tensor) throws -> Tensor) throws {
    expectConstant(x, in: "a Linearization", instead: "jvp(at:along:of:) has one")
    function = try RecordedFunction(at: [x], keepingHistory: false) { [try f($0[0])] }
    value = function.values[0].detached()
    record = function.hasOpaqueRules ? nil : try function.pushforward()
  }

  /// The product J^T v, where J = df/dx.
  ///
  /// - Parameter v: a tensor of the value's shape.
  /// - Returns: a tensor of the shape of x.
  /// - Throws: what an operator's rule throws.
  public func pullback(_ v: Tensor) throws -> Tensor {
    expectConstant(v, in: "Linearization.pullback", instead: "valueWithPullback(at:of:) has one")
    return try function.pullback(v, recorded: false)
  }

  /// The product J s, where J = df/dx.
  ///
  /// - Parameter s: a tensor of the shape of x.
  /// - Returns: a tensor of the value's shape.
  /// - Throws: what an operator's rule throws.
  /// - Complexity: one backward pass. If there is no record, the first call takes n of them for n
  ///   numbers per sample, and keeps n^2 numbers per sample.
  public func pushforward(_ s: Tensor) throws -> Tensor {
    expectConstant(s, in: "Linearization.pushforward", instead: "jvp(at:along:of:) has one")
    if let record { return try record([s], recorded: false) }
    let matrices =
      try dense ?? withoutRecording { try jacobiansOfSamples(like: value, pullback: pullback) }
    dense = matrices
    let flat = s.flatSamples
    return matrices.matmul(flat.reshaped(flat.shape + [1])).reshaped(s.shape)
  }
}
