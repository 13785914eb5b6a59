/// A function of tensors with a derivative of its own.
///
/// ```swift
/// let logistic = CustomOperator("logistic") { x in
///   1 / (1 + (-x[0]).exp())
/// } pullback: { v, x, y in
///   [v * y * (1 - y)]
/// }
/// let y = try logistic(x)
/// ```
/// Use it for a function whose derivative the tape would find only with a loss of digits, time or
/// memory, or not at all: for a value that comes from elsewhere, for an approximation whose slope
/// is agreed upon (straight-through estimates), or for an iteration that is differentiated at its
/// end.
///
/// The value is computed without recording, so the tape keeps nothing of what happens inside. The
/// pullback is the rule of the backward pass. If it is written in tensor operators on the inputs
/// and the output that it is handed, it can be differentiated again, to any order. If it is not
/// (because it takes numbers out with `scalars`), say `differentiatesAgain: false`: a second
/// derivative then stops with the operator's name instead of being wrong. `GradientChecks` in
/// ConformanceChecks compares a rule with differences.
public struct CustomOperator: Sendable {
  /// The function: from the inputs to the value.
  public typealias Value = @Sendable (_ inputs: [Tensor]) throws -> Tensor
  /// The rule: J^T v for each input (nil for zero), given the cotangent v, the inputs and the
  /// value.
  public typealias Pullback =
    @Sendable (
      _ v: Tensor, _ inputs: [Tensor], _ output: Tensor
    ) throws -> [Tensor?]

  private let name: StaticString
  private let differentiatesAgain: Bool
  private let value: Value
  private let pullback: Pullback

  /// An operator made of a function and its rule.
  ///
  /// - Parameters:
  ///   - name: what the operator is called in messages and profiles.
  ///   - differentiatesAgain: whether the rule is made of tensor operators, so that it can be
  ///     differentiated itself; default true.
  ///   - value: the function f.
  ///   - pullback: v -> J^T v, one tensor of the shape and dtype of each input, or nil where f does not
  ///     depend on it.
  public init(
    _ name: StaticString, differentiatesAgain: Bool = true, value: @escaping Value,
    pullback: @escaping Pullback
  ) {
    (self.name, self.differentiatesAgain) = (name, differentiatesAgain)
    (self.value, self.pullback) = (value, pullback)
  }

  /// The value of f at some tensors, recorded if one of them is.
  ///
  /// Tensors that the closures capture count as constants: hand over as inputs whatever is to be
  /// differentiated.
  ///
  /// The backward pass stops the process when the rule returns another number of tensors than there
  /// are inputs, or a tensor of another shape or dtype than its input.
  /// - Throws: what the value throws; an error of the pullback leaves the call that asks for
  ///   gradients.
  public func callAsFunction(_ inputs: Tensor...) throws -> Tensor { try self.of(inputs) }

  /// The value of f at a list of tensors; see `callAsFunction(_:)`.
  public func of(_ inputs: [Tensor]) throws -> Tensor {
    let output = try withoutRecording { try value(inputs.map { $0.detached() }) }.detached()
    // The rule's norms are of what those of the value are.
    let sharding = StateSharding.current
    return output.recorded(
      from: inputs, keepingOutput: true, opaque: !differentiatesAgain, operation: name,
      { v, output, needs in
        let products = try StateSharding.with(sharding) { try pullback(v, inputs, output) }
        expect(
          products.count == inputs.count,
          "the pullback of \(name) returned \(products.count) tensors for \(inputs.count) inputs")
        for (position, (product, input)) in zip(products, inputs).enumerated() {
          guard let product, needs[position] else { continue }
          expect(
            product.shape == input.shape && product.dtype == input.dtype,
            "the pullback of \(name) returned \(product.dtype) \(product.shape) for input "
              + "\(position), which is \(input.dtype) \(input.shape)")
        }
        return products
      })
  }
}
