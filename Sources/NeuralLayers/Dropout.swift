import Tensors

/// Dropout in training: elements become 0 at a rate, the others are divided by 1 - rate.
///
/// ```swift
/// let y = Dropout(0.1)(x, in: .training(noise: Philox(seed: 1)))
/// ```
/// Source: Srivastava et al. 2014. In evaluation it is the identity. Inside the step of a fixed
/// point, use `mask`.
public struct Dropout: Layer {
  /// The fraction of elements that are dropped.
  public let rate: Double

  /// Dropout at a rate in [0, 1).
  public init(_ rate: Double) {
    expect(rate >= 0 && rate < 1, "a dropout rate lies in [0, 1), not \(rate)")
    self.rate = rate
  }

  /// x with elements dropped in training, and x itself in evaluation.
  ///
  /// - Parameters:
  ///   - x: of any shape.
  ///   - context: one draw is taken in training, unless the rate is 0.
  /// - Returns: a tensor of the same shape.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor {
    guard rate > 0 else { return x }
    return context.draw(for: "Dropout(\(rate))") { x.dropout(rate, using: &$0) } ?? x
  }

  /// A mask for one solve; outside of training it lets every element pass.
  ///
  /// - Parameters:
  ///   - shape: [batch, ...], with 1 for axes whose entries share their mask.
  ///   - dtype: the dtype of the tensors to which the mask is applied; default float32.
  ///   - context: one draw is taken in training, unless the rate is 0.
  /// - Returns: the mask; it is no parameter and not recorded.
  public func mask(
    _ shape: Shape, dtype: DType = .float32, in context: LayerContext
  ) -> DropoutMask {
    guard rate > 0, context.isTraining else { return DropoutMask() }
    return DropoutMask(factors: self(.ones(shape, dtype: dtype), in: context))
  }
}
