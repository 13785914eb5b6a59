import Tensors

/// A module from one tensor to one tensor, from which sequences can be made.
///
/// ```swift
/// struct Scaled: Layer {
///   let factor = Parameter(.ones([1]))
///   func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { x * factor.tensor }
/// }
/// ```
/// The context says whether the pass is part of training. Most layers do not need it, and can be
/// called without it.
public protocol Layer: Module {
  /// The output of the layer for an input x.
  ///
  /// - Parameters:
  ///   - x: the input; axis 0 is the batch.
  ///   - context: whether the pass is part of training, and the source of random numbers; it is
  ///     handed on to every layer inside.
  /// - Returns: a tensor with the same batch.
  /// - Throws: what a layer inside throws, for example when a fixed point is not reached.
  func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor
}

/// Layers that are applied one after the other, each to the output of the layer before it.
///
/// ```swift
/// let model = Sequential(
///   Linear(64, 32, using: &random), Activation.gelu, Dropout(0.1), Linear(32, 10, using: &random))
/// let logits = try model(x, in: .evaluation)
/// ```
/// Parameters are named by the position of their layer: "0.weight" to "3.bias" here.
public struct Sequential: Layer {
  /// The layers, in the order of their application.
  public let layers: [any Layer]

  /// The names of the layers' parameters begin with the positions of the layers, and nothing else.
  public static let parameterNames = ["layers": ""]

  /// A sequence of layers.
  public init(_ layers: [any Layer]) { self.layers = layers }

  /// A sequence of layers.
  public init(_ layers: any Layer...) { self.layers = layers }

  /// The output of the last layer for an input x.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    try layers.reduce(x) { try $1($0, in: context) }
  }
}

/// A layer whose input is added to its output: y = x + f(x).
///
/// Source: He, Zhang, Ren and Sun 2016. To put a norm before f, use
/// `Residual(Sequential(LayerNorm(8), f))`.
public struct Residual<Inner: Layer>: Layer {
  /// The layer f, whose output has the shape of its input.
  public let layer: Inner

  /// A layer whose input is added to the output of f.
  public init(_ layer: Inner) { self.layer = layer }

  /// x + f(x); stops when f changes the shape.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) throws -> Tensor {
    let change = try layer(x, in: context)
    expect(
      change.shape == x.shape,
      "what a residual adds to \(x.shape) has the same shape, not \(change.shape)")
    return x + change
  }
}

/// A layer that makes each sample a vector: [batch, ...] becomes [batch, n].
public struct Flatten: Layer {
  /// A layer without parameters.
  public init() {}

  /// x as [batch, n].
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor {
    x.reshaped([x.shape[0], x.shape.suffix(from: 1).elementCount])
  }
}
