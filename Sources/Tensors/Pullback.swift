/// The value of `f` at `x` and the product with its transposed Jacobian there.
///
/// ```swift
/// let (image, pullback) = try valueWithPullback(at: z, of: map)
/// let product = try pullback(v)   // J^T v, J = df/dz
/// ```
/// `f` is evaluated once, recorded; `pullback` may be called any number of times and computes
/// gradients of `x` only, not of what `f` captured. `value` is recorded with respect to what `f`
/// captured, so that gradients can flow on from it.
///
/// - Parameters:
///   - x: the point. With `creatingGraph` it keeps its history, so that the call may stand inside
///     a map that is itself differentiated (a gradient step z - a dL/dz, say); otherwise it counts
///     as a constant.
///   - creatingGraph: whether what `pullback` returns is recorded with respect to `x`, to what `f`
///     captured and to the cotangent (second derivatives); default false.
///   - f: the function.
/// - Returns: f(x), and v -> J^T v.
/// - Complexity: one recorded evaluation of `f`; one backward pass through it per call of
///   `pullback`.
public func valueWithPullback(
  at x: Tensor, creatingGraph: Bool = false, of f: (Tensor) throws -> Tensor
) rethrows -> (value: Tensor, pullback: (Tensor) throws -> Tensor) {
  let target = creatingGraph ? Node(passingTo: x.node) : Node(isVariable: false)
  let point = Tensor(x.storage, x.shape, node: target)
  let value = try recording(true) { try f(point) }
  var madePath: BackwardPath?
  let pullback: (Tensor) throws -> Tensor = { cotangent in
    expect(
      cotangent.shape == value.shape && cotangent.dtype == value.dtype,
      "the cotangent is \(cotangent.dtype) \(cotangent.shape) but the value is "
        + "\(value.dtype) \(value.shape)")
    let path = madePath ?? BackwardPath(from: value.node, to: [target])
    madePath = path
    var product: Tensor?
    try path.run(
      seed: cotangent, releasing: false, creatingGraph: creatingGraph
    ) { _, gradient in product = gradient }
    return product ?? point.zerosLike()
  }
  return (value, pullback)
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

  /// The same value; on the way back its cotangent v becomes what `body` makes of it, and the
  /// table of gradients keeps what `body` reports.
  ///
  /// - Returns: the value, recorded if this tensor is, and the ticket for the report.
  package func reportingCotangent(
    name: StaticString, _ body: @escaping (Tensor) throws -> (Tensor, any Sendable)
  ) -> (Tensor, ReportTicket?) {
    guard Tensor.records(self) else { return (self, nil) }
    let node = Node(input: self.node, operation: name) { v in
      let (w, report) = try body(v)
      expectCotangent(w, like: v)
      return (w, report)
    }
    return (Tensor(storage, shape, node: node), ReportTicket(sequence: node.sequence))
  }

  /// The same value; on the way back its cotangent v becomes `body(v)`.
  ///
  /// The seam at which a backward estimator enters: with v = dL/dz*, `body` returns
  /// w ~ (I - J^T)^-1 v. There is no second derivative: what `body` does is not on the tape.
  ///
  /// - Parameters:
  ///   - name: what the operator is called in messages and profiles.
  ///   - body: v -> w; what it throws leaves the call that asks for gradients.
  /// - Returns: the same value, recorded if this tensor is.
  public func transformingCotangent(
    name: StaticString = #function, _ body: @escaping (Tensor) throws -> Tensor
  ) -> Tensor {
    recorded(
      from: [self], fused: true, operation: name,
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

private func expectCotangent(_ w: Tensor, like v: Tensor) {
  expect(
    w.shape == v.shape && w.dtype == v.dtype,
    "a transformed cotangent must keep \(v.dtype) \(v.shape), but it came back as "
      + "\(w.dtype) \(w.shape)")
}
