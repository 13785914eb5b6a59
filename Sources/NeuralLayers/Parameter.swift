import Tensors

/// A tensor that training changes.
///
/// ```swift
/// let weight = Parameter(.zeros([3, 2]))
/// let table = try gradients(of: loss(weight.tensor))
/// weight.assign(weight.tensor - table[weight.tensor]! * 0.1)
/// ```
/// It is a reference, so that a layer and an optimiser refer to the same parameter.
///
/// Checkpoints store it under the name of the property that holds it, or under a name that is given
/// here:
///
/// ```swift
/// let inputWeight = Parameter(.zeros([6, 4]), name: "weight_ih")   // as published
/// ```
///
/// Any number of threads may read `tensor` and differentiate with respect to it at the same time.
/// `assign` must not run meanwhile; it runs between training steps. This is why sharing a parameter
/// is safe although the compiler cannot check it.
public final class Parameter: @unchecked Sendable {
  /// The current value, a variable of the tape; a constant if it is not trained.
  public private(set) var tensor: Tensor

  /// Whether gradients are taken with respect to it.
  ///
  /// A parameter that is not trained is state that belongs to a layer: it is saved and restored
  /// with the other parameters, and has no gradient.
  public let isTrained: Bool

  /// The name within the module that holds it; nil for the name of the property, in snake case.
  public let name: String?

  /// A parameter with an initial value.
  ///
  /// - Parameters:
  ///   - value: the initial value.
  ///   - name: the name within the module that holds it; default that of the property, in snake
  ///     case. Parameters of the same module must have different names.
  ///   - isTrained: whether gradients are taken with respect to it; default true.
  public init(_ value: Tensor, name: String? = nil, isTrained: Bool = true) {
    expect(name != "", "a parameter's name is not empty: leave it out for that of the property")
    self.name = name
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
