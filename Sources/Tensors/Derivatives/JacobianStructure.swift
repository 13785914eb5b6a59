/// Which entries of the n x n Jacobian of a sample can differ from zero.
///
/// ```swift
/// let x = try root(of: g, from: start, estimator: .exact(structure: .banded(lower: 1, upper: 1)))
/// ```
/// Rows that have no column in common are assembled from one pullback (Curtis, Powell and Reid 1974): a
/// band of width b takes b pullbacks instead of n. Unknowns are counted in the order in which they lie
/// in the sample, all tensors of a state one after the other. The matrix itself is still stored with all
/// its n^2 entries.
public enum JacobianStructure: Sendable, Equatable {
  /// Every entry.
  case dense
  /// The entries J_ij with i - lower <= j <= i + upper.
  case banded(lower: Int, upper: Int)
  /// The entries in blocks of `size` rows and columns along the diagonal.
  case blockDiagonal(size: Int)
  /// The entries of row i in the columns `columns[i]`; each column is named once.
  case sparse(columns: [[Int]])

  /// The structure of J^T.
  package var transposed: JacobianStructure {
    switch self {
    case .dense, .blockDiagonal: return self
    case .banded(let lower, let upper): return .banded(lower: upper, upper: lower)
    case .sparse(let columns):
      var rows = columns.map { _ in [Int]() }
      for (row, entries) in columns.enumerated() {
        for column in entries { rows[column].append(row) }
      }
      return .sparse(columns: rows)
    }
  }

  /// The columns of the possible entries in each of n rows; nil for all columns.
  ///
  /// Stops when the pattern does not describe n rows and columns.
  func columns(_ n: Int) -> [[Int]]? {
    switch self {
    case .dense: return nil
    case .banded(let lower, let upper):
      expect(
        lower >= 0 && upper >= 0,
        "a band reaches no less than 0 below and above the diagonal, not \(lower) and \(upper)")
      return (0..<n).map { Array(max(0, $0 - lower)...min(n - 1, $0 + upper)) }
    case .blockDiagonal(let size):
      expect(
        size > 0 && n % size == 0,
        "\(n) unknowns of a sample are no whole number of blocks of \(size)")
      return (0..<n).map { Array($0 / size * size..<$0 / size * size + size) }
    case .sparse(let columns):
      expect(
        columns.count == n && columns.allSatisfy { $0.allSatisfy { $0 >= 0 && $0 < n } },
        "a sparse pattern of \(columns.count) rows does not fit \(n) unknowns, or names a column "
          + "outside of 0..<\(n)")
      return columns
    }
  }
}

/// The Jacobian of each sample of a map whose structure is known: J[b, i, j] = d f_i / d z_j.
///
/// - Parameters:
///   - state: any tensor of the shape of z and f(z), [batch, ...], n numbers per sample.
///   - structure: which entries can differ from zero; the entries outside of it are returned as
///     zero.
///   - pullback: v -> J^T v on the whole batch.
/// - Returns: [batch, n, n]. Unless the structure is `.dense`, the result has no derivative, and
///   the process stops when a product is recorded.
/// - Throws: what `pullback` throws.
/// - Complexity: one pullback for each group of rows without a common column, found greedily; for a
///   band, as many as its width.
public func jacobiansOfSamples(
  like state: Tensor, structure: JacobianStructure, pullback: (Tensor) throws -> Tensor
) throws -> Tensor {
  StateSharding.expectWhole("a Jacobian")
  let batch = state.shape[0]
  let n = state.shape.suffix(from: 1).elementCount
  guard n > 0, let columns = structure.columns(n) else {
    return try jacobiansOfSamples(like: state, pullback: pullback)
  }
  let groups = rowGroups(columns, n)
  var matrices = [Double](repeating: 0, count: batch * n * n)
  for group in groups {
    var seed = [Double](repeating: 0, count: n)
    for row in group { seed[row] = 1 }
    let cotangent = Tensor(seed, shape: [1, n], dtype: state.dtype).broadcast(to: [batch, n])
    let product = try pullback(cotangent.reshaped(state.shape))
    expectConstant(
      product, in: "a Jacobian of a given structure", instead: ".dense has one, for more pullbacks")
    let sums = product.scalars
    for sample in 0..<batch {
      for row in group {
        for column in columns[row] {
          matrices[(sample * n + row) * n + column] = sums[sample * n + column]
        }
      }
    }
  }
  return Tensor(matrices, shape: [batch, n, n], dtype: state.dtype)
}

/// The rows, in groups within which no column occurs twice.
private func rowGroups(_ columns: [[Int]], _ n: Int) -> [[Int]] {
  var groups: [(rows: [Int], isTaken: [Bool])] = []
  for (row, entries) in columns.enumerated() where !entries.isEmpty {
    let place = groups.firstIndex { group in entries.allSatisfy { !group.isTaken[$0] } }
    if place == nil { groups.append(([], Array(repeating: false, count: n))) }
    let index = place ?? groups.count - 1
    groups[index].rows.append(row)
    for column in entries { groups[index].isTaken[column] = true }
  }
  return groups.map(\.rows)
}
