import COpenBLAS

// Inner products within samples, from which Krylov methods and the memories of quasi-Newton methods
// are built.

extension Tensor {
  /// The inner product of each sample with the same sample of `other`, in double precision.
  ///
  /// Samples (axis 0) never mix: entry b depends on sample b of the two operands alone, to the last
  /// bit. The result is not recorded. In a solve whose states are sharded over ranks, the products are
  /// those of whole samples.
  ///
  /// - Parameter other: a tensor of the same shape and dtype.
  /// - Returns: one number per sample; float32 products are accumulated in double precision.
  public func innerProductsOfSamples(with other: Tensor) -> [Double] {
    expectSameDType("innerProductsOfSamples", self, other)
    expect(
      rank > 0 && shape == other.shape,
      "innerProductsOfSamples needs two tensors [batch, ...] of one shape, not \(shape) and "
        + "\(other.shape)")
    let rows = shape[0]
    let columns = rows == 0 ? 0 : count / rows
    let products = (0..<rows).map { row in
      let offset = row * columns
      return switch dtype {
      case .float32:
        cblas_dsdot(Int32(columns), storage.f32 + offset, 1, other.storage.f32 + offset, 1)
      case .float64:
        cblas_ddot(Int32(columns), storage.f64 + offset, 1, other.storage.f64 + offset, 1)
      }
    }
    return StateSharding.current?.sums(products) ?? products
  }
}
