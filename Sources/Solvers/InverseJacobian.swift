import Tensors

/// What a quasi-Newton solver learned of the inverse Jacobian of the residual: H ~ (J - I)^-1.
///
/// With J = df/dz and g(z) = f(z) - z, dg/dz = J - I. An estimator may reuse H instead of solving
/// the adjoint system anew: u = (I - J^T)^-1 v ~ -H^T v (Ramzi et al. 2022, "SHINE"). It can be
/// restricted to samples, like all that belongs to them.
public protocol InverseJacobian: Sendable, PerSample {
  /// H x, sample by sample.
  ///
  /// - Parameter x: of the state's shape, [batch, ...].
  /// - Returns: H x, of the same shape.
  func applied(to x: Tensor) -> Tensor

  /// H^T x, sample by sample.
  ///
  /// - Parameter x: of the state's shape, [batch, ...].
  /// - Returns: H^T x, of the same shape.
  func transposeApplied(to x: Tensor) -> Tensor

  /// H of a batch whose samples are those of the parts.
  ///
  /// - Parameter parts: each with the positions of its samples; every position occurs once.
  /// - Returns: H of the whole batch.
  static func joining(_ parts: [(positions: [Int], inverse: Self)]) -> Self
}
