import Tensors

/// A function of one number, as a layer.
///
/// ```swift
/// let layer = Perceptron(8, hidden: 32, 8, activation: .silu, using: &random)
/// ```
public enum Activation: String, Layer, CaseIterable {
  /// x itself.
  case identity
  /// max(x, 0).
  case relu
  /// x Phi(x), exact.
  case gelu
  /// The approximation of `gelu` by tanh.
  case geluTanh
  /// x / (1 + e^-x), also called swish.
  case silu
  /// The hyperbolic tangent.
  case tanh
  /// The logistic function.
  case sigmoid
  /// log(1 + e^x).
  case softplus

  /// The function of every element.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .identity: x
    case .relu: x.relu()
    case .gelu: x.gelu()
    case .geluTanh: x.geluTanh()
    case .silu: x.silu()
    case .tanh: x.tanh()
    case .sigmoid: x.sigmoid()
    case .softplus: x.softplus()
    }
  }

  /// The function of every element.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}
