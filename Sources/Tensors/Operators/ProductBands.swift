/// How a product that OpenBLAS multiplies whole is cut, so that workers share it.
///
/// OpenBLAS runs on the thread that calls it
/// ([why](../../../Docs/Explanation/Decisions/OneThreadPerProduct.md)). The bands depend on the shape
/// alone: a band's bits are those of its own extents, so cutting by the number of workers would make
/// results depend on it. Each band packs its operands for itself: bands of 256 rows cost 1-3 % of the
/// rate on one thread, of 128 rows 5 %.
struct ProductBands {
  private let m: Int
  private let n: Int
  private let rows: Int
  private let columns: Int

  /// The multiplications from which workers share a product: some twenty microseconds of one.
  static let smallest = 1 << 21

  init(m: Int, n: Int, k: Int) {
    (self.m, self.n) = (m, n)
    guard m * n * k >= ProductBands.smallest else {
      (rows, columns) = (1, 1)
      return
    }
    rows = ProductBands.parts(of: m)
    columns = rows == 1 ? ProductBands.parts(of: n) : 1
  }

  /// Bands of at least 256, or two halves of at least 96.
  private static func parts(of extent: Int) -> Int {
    if extent >= 512 { return extent / 256 }
    return extent >= 192 ? 2 : 1
  }

  /// Calls `body` for every band, on as many threads as there are workers.
  func forEach(_ body: (_ rows: Range<Int>, _ columns: Range<Int>) -> Void) {
    let parts = rows * columns
    if parts == 1 { return body(0..<m, 0..<n) }
    Workers.runParts(parts) { part in
      if rows > 1 {
        body(part * m / rows..<(part + 1) * m / rows, 0..<n)
      } else {
        body(0..<m, part * n / columns..<(part + 1) * n / columns)
      }
    }
  }
}
