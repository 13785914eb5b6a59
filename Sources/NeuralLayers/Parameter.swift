import Tensors

/// A tensor that training changes.
///
/// ```swift
/// let weight = Parameter(.zeros([3, 2]))
/// let table = try gradients(of: loss(weight.tensor))
/// weight.assign(weight.tensor - table[weight.tensor]! * 0.1)
/// ```
/// A reference, so that a layer and an optimiser mean the same parameter.
///
/// Any number of threads may read `tensor` and differentiate with respect to it at the same time;
/// `assign` must not run meanwhile, as it does between training steps. That is why sharing a
/// parameter is safe although the compiler cannot check it.
public final class Parameter: @unchecked Sendable {
  /// The current value, a variable of the tape.
  public private(set) var tensor: Tensor

  /// A parameter with an initial value.
  public init(_ value: Tensor) { tensor = value.variable() }

  /// The shape.
  public var shape: Shape { tensor.shape }

  /// Replaces the value; the dtype may change, the shape may not.
  public func assign(_ value: Tensor) {
    expect(
      value.shape == tensor.shape,
      "a parameter of shape \(tensor.shape) cannot take a value of shape \(value.shape)")
    tensor = value.variable()
  }
}
