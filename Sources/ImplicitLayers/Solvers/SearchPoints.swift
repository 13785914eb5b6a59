import Tensors

/// Where the samples of a search stand, and their best points, to which they may return.
struct SearchPoints: PerSample, Sendable {
  /// The point that each sample starts its next step from, [rows, n], and g there.
  private(set) var base: Tensor
  private(set) var residual: Tensor
  private var best: Tensor
  private var bestResidual: Tensor

  init(_ point: Iterate) {
    (base, residual) = (point.z, point.residual)
    (best, bestResidual) = (point.z, point.residual)
  }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&base)
    visitor.visit(&residual)
    visitor.visit(&best)
    visitor.visit(&bestResidual)
  }

  /// Takes the point as the best where it is, as the base where it is accepted, and goes back to
  /// the best where a sample returns.
  mutating func update(
    _ point: Iterate, isBest: [Bool], isAccepted: [Bool], hasReturned: [Bool]
  ) {
    best = best.selecting(isBest, from: point.z)
    bestResidual = bestResidual.selecting(isBest, from: point.residual)
    base = base.selecting(isAccepted, from: point.z).selecting(hasReturned, from: best)
    residual = residual.selecting(isAccepted, from: point.residual)
      .selecting(hasReturned, from: bestResidual)
  }
}

extension Tensor {
  /// `other` in the samples where `mask` is true.
  ///
  /// Recorded, it is a selection even where all are: the order in which gradients are added up must
  /// not depend on what other samples do.
  fileprivate func selecting(_ mask: [Bool], from other: Tensor) -> Tensor {
    isRecorded || other.isRecorded
      ? Tensor.selectSamples(mask, other, self) : replacingSamples(mask, with: other)
  }
}
