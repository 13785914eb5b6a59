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
  /// The current value, a variable of the tape; a constant if it is not trained.
  public private(set) var tensor: Tensor

  /// Whether gradients are taken with respect to it.
  ///
  /// What is not trained is state that belongs to a layer, is saved and restored with its
  /// parameters, and has no gradient.
  public let isTrained: Bool

  /// A parameter with an initial value.
  ///
  /// - Parameters:
  ///   - value: the initial value.
  ///   - isTrained: default true.
  public init(_ value: Tensor, isTrained: Bool = true) {
    self.isTrained = isTrained
    tensor = isTrained ? value.variable() : value.detached()
  }

  /// The shape.
  public var shape: Shape { tensor.shape }

  /// Replaces the value; the dtype may change, the shape may not.
  public func assign(_ value: Tensor) {
    expect(
      value.shape == tensor.shape,
      "a parameter of shape \(tensor.shape) cannot take a value of shape \(value.shape)")
    tensor = isTrained ? value.variable() : value.detached()
  }
}
