// Whole Jacobians and Hessians.

/// The direction in which a Jacobian is assembled.
public enum DifferentiationMode: Sendable {
  /// Row by row, with one pullback for each number of the value.
  case reverse
  /// Column by column, with one product J s for each number of the point.
  case forward
}

/// The Jacobian of `f` at a point.
///
/// ```swift
/// let j = try jacobian(at: x) { x in w.matmul(x).tanh() }   // value's shape + point's shape
/// ```
/// If samples do not mix, `jacobiansOfSamples(at:of:)` computes only the blocks of the samples, and
/// one pullback serves them all. The call may stand inside other derivatives; see
/// `gradient(at:of:)`.
///
/// - Parameters:
///   - x: the point, n numbers.
///   - mode: the direction of assembly; default the cheaper one, which is forward where the value
///     has more numbers than the point.
///   - f: the function, whose value has m numbers.
/// - Returns: a tensor of the value's shape followed by the point's: entry [i..., j...] is d f_i /
///   d x_j. Both ranks together are at most 8.
/// - Throws: what `f` or a rule throws.
/// - Complexity: one evaluation, and m backward passes (reverse) or n + 1 (forward).
public func jacobian(
  at x: Tensor, mode: DifferentiationMode? = nil, of f: (Tensor) throws -> Tensor
) throws -> Tensor {
  try jacobian(at: [x], mode: mode) { try f($0[0]) }[0]
}

/// The Jacobians of `f` with respect to several tensors; see `jacobian(at:mode:of:)`.
public func jacobian(
  at points: [Tensor], mode: DifferentiationMode? = nil, of f: ([Tensor]) throws -> Tensor
) throws -> [Tensor] {
  try RecordedFunction(at: points) { [try f($0)] }.jacobian(mode)
}

/// The Hessian of a number at a point.
///
/// - Parameters:
///   - x: the point, n numbers.
///   - f: returns one number.
/// - Returns: a tensor of the point's shape followed by the point's shape again.
/// - Throws: what `f` or a rule throws.
/// - Complexity: one evaluation, its recorded gradient, and n backward passes through both, so this
///   is for small n; `hessianVectorProduct(at:along:of:)` is for large n.
public func hessian(at x: Tensor, of f: (Tensor) throws -> Tensor) throws -> Tensor {
  try RecordedFunction(at: [x]) { [try f($0[0])] }.gradient().jacobian(.reverse)[0]
}

/// The Jacobian of each sample of a function that does not mix samples.
///
/// - Parameters:
///   - x: the point, [batch, ...], n numbers per sample.
///   - f: returns [batch, ...], m numbers per sample.
/// - Returns: [batch, m, n].
/// - Throws: what `f` or a rule throws.
/// - Complexity: one evaluation and m pullbacks, each of which serves all samples.
public func jacobiansOfSamples(
  at x: Tensor, of f: (Tensor) throws -> Tensor
) throws -> Tensor {
  let function = try RecordedFunction(at: [x]) { [try f($0[0])] }
  let records = function.recordsDerivatives
  return try recording(records) {
    try jacobiansOfSamples(like: function.values[0]) {
      try function.pullback([$0], recorded: records)[0]
    }
  }
}

/// The dense Jacobian of each sample: J[b, i, j] = d f_i / d z_j.
///
/// - Parameters:
///   - value: any tensor of the shape and dtype of f(z), [batch, ...], m numbers per sample.
///   - pullback: v -> J^T v on the whole batch, n numbers per sample.
/// - Returns: [batch, m, n].
/// - Throws: what `pullback` throws.
/// - Complexity: m pullbacks, each of which serves all samples, because samples do not mix.
public func jacobiansOfSamples(
  like value: Tensor, pullback: (Tensor) throws -> Tensor
) throws -> Tensor {
  StateSharding.expectWhole("a Jacobian")
  let shape = value.shape
  let (batch, count) = (shape[0], shape.suffix(from: 1).elementCount)
  guard count > 0 else { return .zeros([batch, 0, 0], dtype: value.dtype) }
  let basis = Tensor.identity(count, dtype: value.dtype)
  let rows = try (0..<count).map { index in
    let seed = basis.slice(index..<index + 1).broadcast(to: [batch, count])
    let row = try pullback(seed.reshaped(shape))
    return row.reshaped([batch, 1, row.shape.suffix(from: 1).elementCount])
  }
  return Tensor.concatenated(rows, alongAxis: 1)
}

extension RecordedFunction {
  /// The Jacobian of the first value with respect to every point.
  package func jacobian(_ mode: DifferentiationMode?) throws -> [Tensor] {
    let records = recordsDerivatives
    let value = values[0]
    let numbers = points.reduce(0) { $0 + $1.count }
    return try recording(records) {
      switch mode ?? (value.count > numbers ? .forward : .reverse) {
      case .reverse:
        let rows = try (0..<value.count).map { index in
          try pullback([value.unit(index)], recorded: records)
        }
        return points.indices.map { position in
          let point = points[position]
          let none = Tensor.zeros([0, point.count], dtype: point.dtype)
          return Tensor.concatenated(
            [none] + rows.map { $0[position].reshaped([1, point.count]) }
          ).reshaped(value.shape + point.shape)
        }
      case .forward:
        let product = try pushforward()
        let zeros = points.map { $0.zerosLike() }
        return try points.indices.map { position in
          let columns = try (0..<points[position].count).map { index in
            var directions = zeros
            directions[position] = zeros[position].unit(index)
            return try product(directions, recorded: records).reshaped([value.count, 1])
          }
          let none = Tensor.zeros([value.count, 0], dtype: value.dtype)
          return Tensor.concatenated([none] + columns, alongAxis: 1)
            .reshaped(value.shape + points[position].shape)
        }
      }
    }
  }
}

extension Tensor {
  /// A constant of this shape and dtype that is 1 at one place and 0 elsewhere.
  fileprivate func unit(_ index: Int) -> Tensor {
    var scalars = [Double](repeating: 0, count: count)
    scalars[index] = 1
    return Tensor(scalars, shape: shape, dtype: dtype)
  }
}
