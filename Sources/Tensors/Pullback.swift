/// The value of `f` at `x` and the product with its transposed Jacobian there.
///
/// ```swift
/// let (image, pullback) = try valueWithPullback(at: z, of: map)
/// let product = try pullback(v)   // J^T v, J = df/dz
/// ```
/// `f` is evaluated once, recorded. `pullback` may be called any number of times; it computes
/// gradients with respect to `x` only, and not to tensors that `f` captured. `value` is recorded
/// with respect to those tensors even where recording is off, so that gradients can flow on from
/// it.
///
/// - Parameters:
///   - x: the point. It keeps its history, so that the call may stand inside a map that is itself
///     differentiated.
///   - creatingGraph: whether the results of `pullback` are recorded, with respect to the history
///     of `x`, to the tensors that `f` captured, and to the cotangent. Nil, the default, records
///     them if recording is on when `pullback` is called and one of these is recorded; see
///     `gradient(at:of:)`. False makes `x` a constant, and records no product.
///   - f: the function.
/// - Returns: f(x), and v -> J^T v.
/// - Complexity: one recorded evaluation of `f`; one backward pass through it per call of
///   `pullback`.
public func valueWithPullback(
  at x: Tensor, creatingGraph: Bool? = nil, of f: (Tensor) throws -> Tensor
) rethrows -> (value: Tensor, pullback: (Tensor) throws -> Tensor) {
  let function = try RecordedFunction(at: [x], keepingHistory: creatingGraph != false) {
    [try f($0[0])]
  }
  return (
    function.values[0],
    { cotangent in
      let isRecorded = function.records(cotangent, creatingGraph)
      return try function.pullback(cotangent, recorded: isRecorded)
    }
  )
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
  /// J^T v for the only value.
  ///
  /// It is recorded if `creatingGraph` is true or, where that is nil, if anybody could use the
  /// record.
  package func pullback(checking cotangent: Tensor, creatingGraph: Bool?) throws -> [Tensor] {
    try pullback([cotangent], recorded: records(cotangent, creatingGraph))
  }

  /// Whether J^T v for the only value is recorded; stops where v does not fit the value.
  fileprivate func records(_ cotangent: Tensor, _ creatingGraph: Bool?) -> Bool {
    let value = values[0]
    expect(
      cotangent.shape == value.shape && cotangent.dtype == value.dtype,
      "the cotangent is \(cotangent.dtype) \(cotangent.shape) but the value is "
        + "\(value.dtype) \(value.shape)")
    return creatingGraph ?? (isRecording && (cotangent.isRecorded || recordsDerivatives))
  }
}

extension Tensor {
  /// The elements of `value` with the derivatives of this tensor.
  ///
  /// It serves for a point z that was found without recording, where this tensor is z computed once
  /// more, up to rounding or up to the residual of f(z) = z: the result is then z to the last bit.
  /// Nothing is copied.
  ///
  /// Stops when shapes or dtypes differ.
  public func withElements(of value: Tensor) -> Tensor {
    expect(
      value.shape == shape && value.dtype == dtype,
      "\(value.dtype) \(value.shape) cannot stand for a tensor of \(dtype) \(shape)")
    return value.detached().recorded(from: [self], { v, _, _ in [v] })
  }

  /// The same value, whose cotangent v becomes `body(v)` in the backward pass.
  ///
  /// A backward estimator is attached to the tape in this way: with v = dL/dz*, `body` returns w ~
  /// (I - J^T)^-1 v.
  ///
  /// - Parameters:
  ///   - name: the operator's name in messages and profiles.
  ///   - differentiatesAgain: whether w may be differentiated. If true, `body` is made of operators
  ///     on v, or is something else with the right derivative, whenever `isRecording` is true as it
  ///     is called. Default false: a derivative that is itself to be recorded stops with the name.
  ///   - body: v -> w; an error that it throws leaves the call that asks for gradients.
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

/// The claim to a report that a backward pass is going to make.
package struct ReportTicket: Sendable {
  let sequence: Int
}

func expectCotangent(_ w: Tensor, like v: Tensor) {
  expect(
    w.shape == v.shape && w.dtype == v.dtype,
    "a transformed cotangent must keep \(v.dtype) \(v.shape), but it came back as "
      + "\(w.dtype) \(w.shape)")
}
