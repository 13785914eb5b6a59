// Derivatives of functions, as functions: they may stand inside each other, inside a map that is
// solved, or inside a loss, to any depth.
//
// For all of them: the point keeps its history, what the function captures is a constant of this
// derivative but not of others, and the result is recorded where recording is on and anything is
// recorded on which it depends. Where nobody is going to differentiate it, `withoutRecording` saves
// the record.

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
///   - f: returns one number.
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
  /// The only value and its gradient at every point.
  ///
  /// This is the last use of the evaluation, unless the gradient is recorded.
  package func valueWithGradient() throws -> (value: Tensor, gradient: [Tensor]) {
    let records = recordsDerivatives
    let gradient = try pullback([seedOfNumber()], recorded: records, releasing: !records)
    return (records ? values[0] : values[0].detached(), gradient)
  }
}
