// Products with Jacobians and Hessians.

/// The value of `f` at `x` and its derivative along a direction, J s: forward mode.
///
/// ```swift
/// let (y, slope) = try jvp(at: x, along: s) { x in (x * x).sin() }   // slope = cos(x^2) 2 x s
/// ```
/// The product is exact: it is computed by the transpose of the recorded pullback
/// ([why](../../../Docs/Explanation/Decisions/ForwardByTransposition.md)). Like every derivative
/// here, the call may stand inside others; see `gradient(at:of:)`. For many products at one point,
/// use `Linearization`, which evaluates the function once.
///
/// - Parameters:
///   - x: the point.
///   - s: the direction, of the point's shape and dtype.
///   - f: the function.
/// - Returns: f(x), and J s, both of the value's shape; J s is zero where f does not depend on x.
/// - Throws: what `f` or a rule throws.
/// - Complexity: one evaluation and two backward passes, the first of them recorded.
public func jvp(
  at x: Tensor, along s: Tensor, of f: (Tensor) throws -> Tensor
) throws -> (value: Tensor, derivative: Tensor) {
  try jvp(at: [x], along: [s]) { try f($0[0]) }
}

/// The value of `f` at several tensors and its derivative along a direction; see
/// `jvp(at:along:of:)`.
///
/// - Parameters:
///   - points: the tensors.
///   - directions: one for each of them.
///   - f: the function of all tensors.
/// - Returns: the value of f, and the sum of J s over the tensors.
/// - Throws: what `f` or a rule throws.
public func jvp(
  at points: [Tensor], along directions: [Tensor], of f: ([Tensor]) throws -> Tensor
) throws -> (value: Tensor, derivative: Tensor) {
  try RecordedFunction(at: points) { [try f($0)] }.derivative(along: directions)
}

/// The product of the Hessian of a number with a direction, H s.
///
/// ```swift
/// let curvature = try (hessianVectorProduct(at: x, along: s, of: energy) * s).sum()   // s^T H s
/// ```
/// H s is a backward pass through the recorded gradient, because H is symmetric. A gradient by a
/// truncated estimator (`.neumann` with several terms) is not the gradient of any function, and its
/// derivative is not symmetric: take `jvp` of the gradient then. The call may stand inside other
/// derivatives; see `gradient(at:of:)`.
///
/// - Parameters:
///   - x: the point.
///   - s: the direction, of the point's shape and dtype.
///   - f: returns one number.
/// - Returns: H s, of the point's shape.
/// - Throws: what `f` or a rule throws.
/// - Complexity: one evaluation and two backward passes; the second goes through the evaluation and
///   the first backward pass.
public func hessianVectorProduct(
  at x: Tensor, along s: Tensor, of f: (Tensor) throws -> Tensor
) throws -> Tensor {
  try hessianVectorProduct(at: [x], along: [s]) { try f($0[0]) }[0]
}

/// The product of the Hessian with respect to several tensors with a direction; see
/// `hessianVectorProduct(at:along:of:)`.
///
/// - Parameters:
///   - points: the tensors.
///   - directions: one for each of them.
///   - f: returns one number.
/// - Returns: for each tensor x_i, the sum over all tensors x_j of d^2 f / dx_i dx_j s_j.
/// - Throws: what `f` or a rule throws.
public func hessianVectorProduct(
  at points: [Tensor], along directions: [Tensor], of f: ([Tensor]) throws -> Tensor
) throws -> [Tensor] {
  try RecordedFunction(at: points) { [try f($0)] }.hessianProduct(along: directions)
}

extension RecordedFunction {
  /// The only value and its derivative along a direction.
  package func derivative(
    along directions: [Tensor]
  ) throws -> (value: Tensor, derivative: Tensor) {
    expectDirections(directions)
    let records = recordsDerivatives(along: directions)
    let derivative = try pushforward()(directions, recorded: records)
    return records ? (values[0], constant(derivative)) : (values[0].detached(), derivative)
  }

  /// The Hessian of the only value, a number, times a direction.
  package func hessianProduct(along directions: [Tensor]) throws -> [Tensor] {
    expectDirections(directions)
    let slope = try gradient()
    let records = slope.recordsDerivatives(along: directions)
    return try slope.pullback(directions, recorded: records, releasing: !records)
  }
}
