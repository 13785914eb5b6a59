import Tensors

/// A mask of dropout that is drawn once and applied any number of times.
///
/// ```swift
/// func inject(_ input: Input) -> Injection {             // once per solve
///   Injection(x: embed(input), mask: dropout.mask([batch, width], in: context))
/// }
/// func step(_ z: Tensor, given u: Injection) -> Tensor { (recurrence(u.mask(z)) + u.x).tanh() }
/// ```
/// A cell that drew another mask at every application would not be a function of its state, and
/// would have no fixed point. Variational dropout (Gal and Ghahramani 2016, "A Theoretically
/// Grounded Application of Dropout in Recurrent Neural Networks"), as used in deep equilibrium
/// models, draws one mask per solve and sample. Then f is the same function in all iterations, in
/// products with its Jacobian, and wherever it is computed again in the backward pass.
///
/// The expected value of an element does not change, because kept elements are divided by the share
/// that is kept.
public struct DropoutMask: Sendable {
  /// The factors of the elements, 0 or 1 / (1 - rate); nil lets every element pass.
  public let factors: Tensor?

  /// A mask with these factors; default nil.
  public init(factors: Tensor? = nil) { self.factors = factors }

  /// x with elements dropped.
  ///
  /// - Parameter x: a tensor of the mask's shape, or of one to which that shape is stretched: a
  ///   mask [batch, 1, width] drops the same elements in every row of a sample.
  /// - Returns: a tensor of the shape of x.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard let factors else { return x }
    let masked = x * factors
    expect(
      masked.shape == x.shape,
      "a mask of \(factors.shape) does not fit a tensor of \(x.shape): it may have the same shape, or 1 in "
        + "place of any axis but the batch")
    return masked
  }

  /// The mask of the samples at the given positions of the batch, for `injection(_:ofSamples:)`.
  public func samples(_ positions: [Int]) -> DropoutMask {
    DropoutMask(factors: factors?.samples(positions))
  }
}
