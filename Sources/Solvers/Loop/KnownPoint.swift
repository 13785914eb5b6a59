import Tensors

/// A point to which samples may return: z and g = f(z) - z there, [rows, n].
struct KnownPoint: PerSample, Sendable {
  private(set) var z: Tensor
  private(set) var residual: Tensor

  init(_ point: Iterate) { (z, residual) = (point.z, point.residual) }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&z)
    visitor.visit(&residual)
  }

  /// `other` in the samples where `mask` is true.
  ///
  /// - Parameters:
  ///   - mask: one flag per sample.
  ///   - other: another point.
  ///   - isFixed: whether the record is a selection for every mask. The order in which gradients
  ///     are added up then does not depend on what other samples do.
  /// - Returns: the point of each sample.
  func replacing(_ mask: [Bool], with other: KnownPoint, isFixed: Bool = false) -> KnownPoint {
    guard isFixed || mask.contains(true) else { return self }
    func choice(_ other: Tensor, _ own: Tensor) -> Tensor {
      isFixed && (own.isRecorded || other.isRecorded)
        ? Tensor.selectSamples(mask, other, own) : own.replacingSamples(mask, with: other)
    }
    var point = self
    point.z = choice(other.z, z)
    point.residual = choice(other.residual, residual)
    return point
  }
}
