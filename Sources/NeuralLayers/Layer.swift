import Tensors

/// A module from one tensor to one, of which sequences are made.
///
/// ```swift
/// struct Scaled: Layer {
///   let factor = Parameter(.ones([1]))
///   func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { x * factor.tensor }
/// }
/// ```
/// The context says whether this is training; most layers do not ask, and can be called without it.
public protocol Layer: Module {
  /// What the layer makes of x.
  ///
  /// - Parameters:
  ///   - x: axis 0 is the batch.
  ///   - context: whether this is training, and what to draw from; is handed on to every layer inside.
  /// - Returns: a tensor with the same batch.
  /// - Throws: what a layer inside throws, say a fixed point that is not reached.
  func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor
}

/// Layers one after the other, each given what the one before it made.
///
/// ```swift
/// let model = Sequential(
///   Linear(64, 32, using: &random), Activation.gelu, Dropout(0.1), Linear(32, 10, using: &random))
/// let logits = try model(x, in: .evaluation)
/// ```
/// Parameters are named by the position of their layer: "0.weight" to "3.bias" here.
public struct Sequential: Layer {
  /// The layers, the first one first.
  public let layers: [any Layer]

  /// The layers' parameters have their positions for a prefix, and no other.
  public static let parameterNames = ["layers": ""]

  /// A sequence of layers.
  public init(_ layers: [any Layer]) { self.layers = layers }

  /// A sequence of layers.
  public init(_ layers: any Layer...) { self.layers = layers }

  /// What the layers make of x, one after the other.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    try layers.reduce(x) { try $1($0, in: context) }
  }
}

/// A layer whose input is added to its output: y = x + f(x).
///
/// He, Zhang, Ren and Sun 2016. For a norm before f, `Residual(Sequential(LayerNorm(8), f))`.
public struct Residual<Inner: Layer>: Layer {
  /// The layer f, whose output has the shape of its input.
  public let layer: Inner

  /// The layer f with its input added.
  public init(_ layer: Inner) { self.layer = layer }

  /// x + f(x); stops where f changes the shape.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    let change = try layer(x, in: context)
    expect(
      change.shape == x.shape,
      "what a residual adds to \(x.shape) has the same shape, not \(change.shape)")
    return x + change
  }
}

/// Samples as vectors: [batch, ...] becomes [batch, n].
public struct Flatten: Layer {
  /// A layer without parameters.
  public init() {}

  /// x as [batch, n].
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor {
    x.reshaped([x.shape[0], x.shape.suffix(from: 1).elementCount])
  }
}
