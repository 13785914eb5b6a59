import Tensors

/// The dense Jacobian of each sample: J[b, i, j] = d f_i / d z_j.
///
/// - Parameters:
///   - shape: the state's shape [batch, ...], n numbers per sample.
///   - dtype: the state's dtype.
///   - pullback: v -> J^T v on the whole batch.
/// - Returns: [batch, n, n].
/// - Throws: what `pullback` throws.
/// - Complexity: n pullbacks.
public func jacobian(
  shape: Shape, dtype: DType, pullback: (Tensor) throws -> Tensor
) throws -> Tensor {
  let batch = shape[0]
  let n = shape.suffix(from: 1).elementCount
  let basis = Tensor.identity(n, dtype: dtype)
  let rows = try (0..<n).map { index in
    let seed = basis.slice(index..<index + 1).broadcast(to: [batch, n])
    return try pullback(seed.reshaped(shape)).reshaped([batch, 1, n])
  }
  return Tensor.concatenated(rows, alongAxis: 1)
}

/// The dense Jacobian of each sample of a map at a point.
///
/// - Returns: [batch, n, n] for a state [batch, ...] of n numbers per sample.
/// - Complexity: one evaluation of `map` and n pullbacks.
public func jacobian(of map: (Tensor) throws -> Tensor, at z: Tensor) throws -> Tensor {
  let (_, pullback) = try valueWithPullback(at: z, of: map)
  return try withoutRecording { try jacobian(shape: z.shape, dtype: z.dtype, pullback: pullback) }
}
