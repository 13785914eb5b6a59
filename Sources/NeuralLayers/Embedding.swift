import Tensors

/// A table of vectors, one for each entry of a dictionary.
public struct Embedding: Module {
  /// The vectors as rows, [entries, width].
  public let weight: Parameter

  /// A table of normal vectors.
  ///
  /// - Parameters:
  ///   - entries: the number of vectors.
  ///   - width: the width of a vector.
  ///   - generator: the source of the vectors, from which one draw is taken.
  public init(_ entries: Int, _ width: Int, using generator: inout Philox) {
    weight = Parameter(.normal([entries, width], using: &generator))
  }

  /// The vectors of `ids`: their shape, and the width; stops when an id does not exist.
  public func callAsFunction(_ ids: IntTensor) -> Tensor {
    weight.tensor.rows(ids)
  }
}
