import Tensors

/// What a solve found, and how it went.
public struct Solution: Sendable {
  /// The fixed point, or the best iterate of each sample where there was none.
  public let value: Tensor
  /// What happened, sample by sample.
  public let report: SolveReport
  /// What the solver learned of (J - I)^-1 on the way; nil if it learns nothing of the kind.
  public let inverse: (any InverseJacobian)?
  private let backwardRecord: BackwardRecord?

  /// What happened in the last backward pass through `value`; nil before the first one, and for
  /// estimators that solve no adjoint system.
  public var backwardReport: BackwardReport? { backwardRecord?.report }

  /// A solution from its parts.
  public init(value: Tensor, report: SolveReport, inverse: (any InverseJacobian)? = nil) {
    self.init(value: value, report: report, inverse: inverse, backwardRecord: nil)
  }

  init(
    value: Tensor, report: SolveReport, inverse: (any InverseJacobian)?,
    backwardRecord: BackwardRecord?
  ) {
    self.value = value
    self.report = report
    self.inverse = inverse
    self.backwardRecord = backwardRecord
  }
}
