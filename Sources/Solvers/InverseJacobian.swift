import Tensors

/// The approximation of the residual's inverse Jacobian that a quasi-Newton solver has built: H ~
/// (J - I)^-1.
///
/// With J = df/dz and g(z) = f(z) - z, dg/dz = J - I. An estimator may reuse H instead of solving
/// the adjoint system: u = (I - J^T)^-1 v ~ -H^T v (Ramzi et al. 2022, "SHINE"). H can be
/// restricted to some of the samples.
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

  /// Joins the H of parts of a batch into the H of the whole batch.
  ///
  /// - Parameter parts: the parts, each with the positions of its samples; every position occurs
  ///   once.
  /// - Returns: H of the whole batch.
  static func joining(_ parts: [(positions: [Int], inverse: Self)]) -> Self
}
