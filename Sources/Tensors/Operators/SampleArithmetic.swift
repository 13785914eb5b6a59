// Arithmetic in which every sample has a number, or a choice, of its own.

extension Tensor {
  /// Each sample times its own number.
  ///
  /// - Parameter factors: one per sample (axis 0).
  /// - Returns: a tensor of this shape.
  public func scalingSamples(by factors: [Double]) -> Tensor {
    var shape: Shape = [factors.count]
    for _ in 1..<Swift.max(rank, 1) { shape.append(1) }
    return self * Tensor(factors, shape: shape, dtype: dtype)
  }

  /// `self` + each sample of `other` times its own number.
  public func adding(_ other: Tensor, times factors: [Double]) -> Tensor {
    factors.allSatisfy { $0 == 0 } ? self : self + other.scalingSamples(by: factors)
  }

  /// The samples where `mask` is true, and zeros elsewhere, even where the other samples hold NaN.
  public func keepingSamples(_ mask: [Bool]) -> Tensor {
    mask.allSatisfy { $0 } ? self : Tensor.selectSamples(mask, self, zerosLike())
  }

  /// The samples of `other` where `mask` is true, and those of `self` elsewhere.
  public func replacingSamples(_ mask: [Bool], with other: Tensor) -> Tensor {
    if mask.allSatisfy({ $0 }) { return other }
    return mask.contains(true) ? Tensor.selectSamples(mask, other, self) : self
  }

  /// Each sample as one vector: [batch, n].
  public var flatSamples: Tensor {
    rank == 2 ? self : reshaped([shape[0], shape.suffix(from: 1).elementCount])
  }
}
