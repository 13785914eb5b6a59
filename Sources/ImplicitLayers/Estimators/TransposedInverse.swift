import Tensors

/// The transpose of an approximate inverse H, for a system with I - J instead of its transpose.
func transposedInverse(_ inverse: some InverseJacobian) -> any InverseJacobian {
  TransposedInverse(base: inverse)
}

extension AdjointProblem {
  /// x -> -H^T x, about (I - J^T)^-1 x, with the H ~ (J - I)^-1 of the forward solver; nil if there is
  /// none.
  ///
  /// It takes inner products of states itself, and those of the scope in which it was made.
  var reusedInverse: ((Tensor) throws -> Tensor)? {
    inverse.map { inverse in
      StateSharding.inPresentScope { (x: Tensor) in -inverse.transposeApplied(to: x) }
    }
  }
}

private struct TransposedInverse<Base: InverseJacobian>: InverseJacobian {
  var base: Base

  mutating func visit(_ visitor: inout some SampleVisitor) { visitor.visit(&base) }
  func applied(to x: Tensor) -> Tensor { base.transposeApplied(to: x) }
  func transposeApplied(to x: Tensor) -> Tensor { base.applied(to: x) }
  static func joining(_ parts: [(positions: [Int], inverse: Self)]) -> Self {
    Self(base: Base.joining(parts.map { ($0.positions, $0.inverse.base) }))
  }
}
