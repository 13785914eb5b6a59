import Tensors

/// Layer norm over the last axis (Ba, Kiros and Hinton 2016), epsilon 1e-5.
public struct LayerNorm: Module {
  /// The gain, [width], starting at 1.
  public let weight: Parameter
  /// The bias, [width], starting at 0.
  public let bias: Parameter

  /// A layer norm of the given width.
  public init(_ width: Int) {
    weight = Parameter(.ones([width]))
    bias = Parameter(.zeros([width]))
  }

  /// The normalised x, [..., width].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(gain: weight.tensor, bias: bias.tensor)
  }
}

/// Dropout while training: nothing when there is no generator.
public struct Dropout: Sendable {
  /// The fraction of elements that are dropped.
  public let rate: Double

  /// Dropout at a rate in [0, 1).
  public init(_ rate: Double) {
    expect(rate >= 0 && rate < 1, "a dropout rate lies in [0, 1), not \(rate)")
    self.rate = rate
  }

  /// x with elements dropped, or x itself without a generator.
  public func callAsFunction(_ x: Tensor, using generator: inout Philox?) -> Tensor {
    generator?.dropping(rate, from: x) ?? x
  }
}

extension Philox {
  fileprivate mutating func dropping(_ rate: Double, from x: Tensor) -> Tensor {
    x.dropout(rate, using: &self)
  }
}
