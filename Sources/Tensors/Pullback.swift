/// The value of `f` at `x` and the product with its transposed Jacobian there.
///
/// ```swift
/// let (image, pullback) = try valueWithPullback(at: z, of: map)
/// let product = try pullback(v)   // J^T v, J = df/dz
/// ```
/// `f` is evaluated once, recorded; `pullback` may be called any number of times and computes
/// gradients of `x` only, not of what `f` captured. `value` is recorded with respect to what `f`
/// captured, whatever the setting of the thread, so that gradients can flow on from it.
///
/// - Parameters:
///   - x: the point. It keeps its history, so that the call may stand inside a map that is itself
///     differentiated.
///   - creatingGraph: whether what `pullback` returns is recorded, with respect to the history of
///     `x`, to what `f` captured and to the cotangent. Nil, the default: where recording is on as
///     `pullback` is called, and there is any of these; see `gradient(at:of:)`. False: `x` counts as
///     a constant, and no product is recorded.
///   - f: the function.
/// - Returns: f(x), and v -> J^T v.
/// - Complexity: one recorded evaluation of `f`; one backward pass through it per call of
///   `pullback`.
public func valueWithPullback(
  at x: Tensor, creatingGraph: Bool? = nil, of f: (Tensor) throws -> Tensor
) rethrows -> (value: Tensor, pullback: (Tensor) throws -> Tensor) {
  let (value, pullback) = try valueWithPullback(at: [x], creatingGraph: creatingGraph) {
    try f($0[0])
  }
  return (value, { try pullback($0)[0] })
}

/// The value of `f` at several tensors and the products with its transposed Jacobians there; see
/// `valueWithPullback(at:creatingGraph:of:)`.
public func valueWithPullback(
  at points: [Tensor], creatingGraph: Bool? = nil, of f: ([Tensor]) throws -> Tensor
) rethrows -> (value: Tensor, pullback: (Tensor) throws -> [Tensor]) {
  let function = try RecordedFunction(at: points, keepingHistory: creatingGraph != false) {
    [try f($0)]
  }
  return (function.values[0], { try function.pullback(checking: $0, creatingGraph: creatingGraph) })
}

extension RecordedFunction {
  /// J^T v for the only value, recorded if asked, or where nil, if anybody could use it.
  package func pullback(checking cotangent: Tensor, creatingGraph: Bool?) throws -> [Tensor] {
    let value = values[0]
    expect(
      cotangent.shape == value.shape && cotangent.dtype == value.dtype,
      "the cotangent is \(cotangent.dtype) \(cotangent.shape) but the value is "
        + "\(value.dtype) \(value.shape)")
    return try pullback(
      [cotangent], recorded: creatingGraph ?? recordsDerivatives(along: [cotangent]))
  }
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
  /// w ~ (I - J^T)^-1 v.
  ///
  /// - Parameters:
  ///   - name: what the operator is called in messages and profiles.
  ///   - differentiatesAgain: whether w may be differentiated: `body` is then made of operators on v,
  ///     or of something else with the right derivative, where `isRecording` is true as it is called.
  ///     Default false: a derivative that is itself to be recorded stops with the name.
  ///   - body: v -> w; what it throws leaves the call that asks for gradients.
  /// - Returns: the same value, recorded if this tensor is.
  public func transformingCotangent(
    name: StaticString = #function, differentiatesAgain: Bool = false,
    _ body: @escaping (Tensor) throws -> Tensor
  ) -> Tensor {
    recorded(
      from: [self], opaque: !differentiatesAgain, operation: name,
      { v, _, _ in
        let w = try body(v)
        expectCotangent(w, like: v)
        return [w]
      })
  }
}

/// The claim to a report that a backward pass will make.
package struct ReportTicket: Sendable {
  let sequence: Int
}

func expectCotangent(_ w: Tensor, like v: Tensor) {
  expect(
    w.shape == v.shape && w.dtype == v.dtype,
    "a transformed cotangent must keep \(v.dtype) \(v.shape), but it came back as "
      + "\(w.dtype) \(w.shape)")
}
