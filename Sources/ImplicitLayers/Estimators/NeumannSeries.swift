import Tensors

/// The truncated Neumann series of the inverse: w = sum of (J^T)^k v for k < terms.
///
/// One term, w = v, is the first-order approximation of Chang, Griffiths and Levine ("Object
/// Representations as Fixed Points", section 3): one differentiated application of f at the
/// detached fixed point. For a linear map the error is exactly (J^T)^terms times the exact adjoint,
/// so the series converges where the spectral radius of J is below 1.
///
/// Costs terms - 1 pullbacks and the memory of one application: O(1) in the forward iterations.
public struct NeumannSeries: AdjointEstimator {
  /// The number of terms, at least 1.
  public let terms: Int

  /// A series of `terms` terms.
  ///
  /// Stops when there are none.
  public init(terms: Int) {
    expect(terms >= 1, "a Neumann series needs at least one term, not \(terms)")
    self.terms = terms
  }

  /// w <- v + J^T w, terms - 1 times from w = v (Horner's rule).
  public func adjoint(
    of v: Tensor, through pullback: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    var w = v
    for _ in 1..<terms { w = try v + pullback(w) }
    return w
  }
}

extension BackwardEstimator where Self == NeumannSeries {
  /// The Neumann series with the given number of terms.
  public static func neumann(terms: Int) -> NeumannSeries { NeumannSeries(terms: terms) }

  /// The first-order approximation: one term, w = v.
  public static var oneStep: NeumannSeries { NeumannSeries(terms: 1) }
}
