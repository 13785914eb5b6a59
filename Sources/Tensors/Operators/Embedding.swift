import CKernels

extension Tensor {
  /// Rows of this table [entries, width], one for each id.
  ///
  /// - Parameters:
  ///   - ids: positions of rows, in row-major order of `leading`.
  ///   - leading: the leading axes of the result, for example [batch, length].
  /// - Returns: leading + [width].
  ///
  /// Stops when an id does not exist or the ids do not fill `shape`.
  public func rows(_ ids: [Int32], shape leading: Shape) -> Tensor {
    expect(
      rank == 2 && leading.elementCount == ids.count,
      "rows needs a table [entries, width] and ids that fill \(leading), not \(shape) and "
        + "\(ids.count) ids")
    if let wrong = ids.first(where: { $0 < 0 || $0 >= Int32(shape[0]) }) {
      callerMistake("row \(wrong) does not exist in a table of shape \(shape)")
    }
    let table = shape
    return Tensor(shape: leading + [shape[1]], dtype: dtype) { out in
      switch dtype {
      case .float32: ck_gather_rows_f32(storage.f32, ids, out.f32, ids.count, table[1])
      case .float64: ck_gather_rows_f64(storage.f64, ids, out.f64, ids.count, table[1])
      }
    }.recorded(from: [self], { v, _, _ in [v.scattered(to: ids, table)] })
  }

  /// The transpose of `rows`: a table whose row i is the sum of this tensor's rows with the id i.
  private func scattered(to ids: [Int32], _ table: Shape) -> Tensor {
    let sums = Tensor.zeros(table, dtype: dtype)
    switch dtype {
    case .float32:
      ck_scatter_add_rows_f32(storage.f32, ids, sums.storage.f32, ids.count, table[1])
    case .float64:
      ck_scatter_add_rows_f64(storage.f64, ids, sums.storage.f64, ids.count, table[1])
    }
    let leading = shape.prefix(rank - 1)
    return sums.recorded(from: [self], { v, _, _ in [v.rows(ids, shape: leading)] })
  }
}
