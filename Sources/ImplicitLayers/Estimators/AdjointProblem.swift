import Tensors

/// The linear system of a backward pass: (I - J^T) w = v.
public struct AdjointProblem {
  /// v = dL/dz*, [batch, ...].
  public let cotangent: Tensor
  /// w -> J^T w, any number of times.
  public let pullback: (Tensor) throws -> Tensor
  /// What the forward solver learned of (J - I)^-1, for estimators that reuse it.
  public let inverse: (any InverseJacobian)?

  /// A problem from its parts.
  public init(
    cotangent: Tensor, pullback: @escaping (Tensor) throws -> Tensor,
    inverse: (any InverseJacobian)? = nil
  ) {
    self.cotangent = cotangent
    self.pullback = pullback
    self.inverse = inverse
  }

  /// w - J^T w: the operator of the system, one pullback.
  public func system(_ w: Tensor) throws -> Tensor { try w - pullback(w) }
}

/// An estimate of the adjoint and, if it was measured, how good it is.
public struct AdjointEstimate: Sendable {
  /// w, of the cotangent's shape.
  public let value: Tensor
  /// What happened, sample by sample; nil if nothing was measured.
  public let report: LinearSolveReport?

  /// An estimate from its parts.
  public init(value: Tensor, report: LinearSolveReport? = nil) {
    self.value = value
    self.report = report
  }
}
