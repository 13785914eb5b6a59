// Derivatives of functions, as functions. They may be nested in each other, in a map that is
// solved, or in a loss, to any depth.
//
// Three rules hold for all of them. The point keeps its history. A tensor that the function
// captures is a constant of this derivative, but not of derivatives taken outside of it. The result
// is recorded if recording is on and it depends on a recorded tensor; if nobody is going to
// differentiate it, `withoutRecording` saves the cost of the record.

/// The gradient of a number at a point.
///
/// ```swift
/// let force = try gradient(at: x) { x in -(x * x).sum() }          // -2 x
/// let third = try gradient(at: x) { x in
///   try gradient(at: x) { x in try gradient(at: x, of: energy).sum() }.sum()
/// }
/// ```
///
/// - Parameters:
///   - x: the point, of any shape.
///   - f: the function; returns one number, a tensor with one element.
/// - Returns: a tensor of the point's shape; zeros where f does not depend on x.
/// - Throws: what `f` or a rule throws.
/// - Complexity: one recorded evaluation of `f` and one backward pass.
public func gradient(at x: Tensor, of f: (Tensor) throws -> Tensor) throws -> Tensor {
  try valueWithGradient(at: x, of: f).gradient
}

/// The gradients of a number with respect to several tensors; see `gradient(at:of:)`.
public func gradient(at points: [Tensor], of f: ([Tensor]) throws -> Tensor) throws -> [Tensor] {
  try valueWithGradient(at: points, of: f).gradient
}

/// A number and its gradient at a point; see `gradient(at:of:)`.
public func valueWithGradient(
  at x: Tensor, of f: (Tensor) throws -> Tensor
) throws -> (value: Tensor, gradient: Tensor) {
  let (value, gradients) = try valueWithGradient(at: [x]) { try f($0[0]) }
  return (value, gradients[0])
}

/// A number and its gradients with respect to several tensors; see `gradient(at:of:)`.
public func valueWithGradient(
  at points: [Tensor], of f: ([Tensor]) throws -> Tensor
) throws -> (value: Tensor, gradient: [Tensor]) {
  try RecordedFunction(at: points) { [try f($0)] }.valueWithGradient()
}

extension RecordedFunction {
  /// The only value, and its gradient at every point.
  ///
  /// Unless the gradient is recorded, this releases the evaluation, which cannot be used again.
  package func valueWithGradient() throws -> (value: Tensor, gradient: [Tensor]) {
    let records = recordsDerivatives
    let gradient = try pullback([seedOfNumber()], recorded: records, releasing: !records)
    return (records ? values[0] : values[0].detached(), gradient)
  }
}
