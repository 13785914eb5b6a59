import Tensors

/// A layer that multiplies by a weight which a wrapper can replace.
public protocol WeightedLayer: Module {
  /// The weight, of any shape that has an axis of outputs.
  var weight: Parameter { get }

  /// The axis of the weight on which the outputs lie; default 0, as in [out, ...].
  var outputAxis: Int { get }

  /// The output of the layer with another weight instead of its own.
  func applying(_ weight: Tensor, to x: Tensor) -> Tensor
}

extension WeightedLayer {
  /// 0: a weight is [out, ...] unless the layer says otherwise.
  public var outputAxis: Int { 0 }

  /// The weight as a matrix [out, rest].
  var rowsOfOutputs: Tensor {
    let ordered = weight.tensor.swappedAxes(0, outputAxis)
    return ordered.reshaped([ordered.shape[0], ordered.shape.suffix(from: 1).elementCount])
  }

  /// A weight from its rows, which are those of `rowsOfOutputs`.
  fileprivate func weight(ofRows rows: Tensor) -> Tensor {
    let shape = weight.tensor.swappedAxes(0, outputAxis).shape
    return rows.reshaped(shape).swappedAxes(0, outputAxis)
  }
}

/// A layer in which the length and the direction of its weight are separate: w_i = g_i v_i / |v_i|
/// for each output i.
///
/// ```swift
/// let layer = WeightNormalized(Linear(64, 64, using: &random))
/// let y = layer(x)
/// ```
/// Source: Salimans and Kingma 2016, equation 2. At first the layer computes the same as the
/// wrapped one. The gradient of v_i is orthogonal to v_i (equation 3), so v_i only turns. A v_i of
/// zeros has no direction, and its row is NaN.
///
/// The weight is computed at every call. If it is used many times, as in the iterations of a solve,
/// compute `weight` once, for example in `inject`, and call `layer.applying(weight, to: z)`.
public struct WeightNormalized<Inner: WeightedLayer>: Layer {
  /// The layer, whose weight is v.
  public let layer: Inner
  /// The lengths g, [out].
  public let gain: Parameter

  /// The layer with g = |v|.
  public init(_ layer: Inner) {
    self.layer = layer
    let lengths = layer.rowsOfOutputs.detached().lengthsOfRows
    gain = Parameter(lengths.reshaped([lengths.count]))
  }

  /// The weight w in use, of the shape of v.
  public var weight: Tensor {
    let rows = layer.rowsOfOutputs
    let factors = gain.tensor.reshaped([gain.shape[0], 1]) / rows.lengthsOfRows
    return layer.weight(ofRows: rows * factors)
  }

  /// The output of the layer with the weight w.
  public func callAsFunction(_ x: Tensor) -> Tensor { layer.applying(weight, to: x) }

  /// The output of the layer with the weight w.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor { self(x) }
}

extension Tensor {
  /// The Euclidean norm of every row of a matrix, [rows, 1].
  fileprivate var lengthsOfRows: Tensor {
    square().sum(alongAxis: 1, keepingAxis: true).sqrt()
  }
}
