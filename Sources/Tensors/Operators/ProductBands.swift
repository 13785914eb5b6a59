import CKernels

/// How a product is cut into bands of rows or columns, so that workers share it.
///
/// OpenBLAS multiplies each band whole.
///
/// OpenBLAS runs on the thread that calls it
/// ([why](../../../Docs/Explanation/Decisions/OneThreadPerProduct.md)). The bits of a band depend
/// on its own extents. These follow from the shape, from the number of workers, and from whether
/// one of several parts of a batch asks for the product, which is not cut then. Each band packs its
/// operands for itself, which takes time, so there are only as few bands as keep the workers busy.
struct ProductBands {
  private let m: Int
  private let n: Int
  private let rows: Int
  private let columns: Int

  /// The number of multiplications from which workers share a product: one thread takes some twenty
  /// microseconds for it.
  static let smallest = 1 << 21

  /// The number of threads for work of so many multiplications; 1 inside a part of `Workers.map`.
  static func threads(_ multiplications: Int) -> Int {
    multiplications >= smallest && !ck_runs_a_part() ? Workers.count : 1
  }

  init(m: Int, n: Int, k: Int) {
    (self.m, self.n) = (m, n)
    let threads = ProductBands.threads(m * n * k)
    rows = ProductBands.parts(of: m, threads)
    columns = rows == 1 ? ProductBands.parts(of: n, threads) : 1
  }

  /// The number of bands: one for each thread, or two if they are high; no band is lower than 64.
  private static func parts(of extent: Int, _ threads: Int) -> Int {
    guard threads > 1 else { return 1 }
    return extent >= 1024 * threads ? 2 * threads : max(min(threads, extent / 64), 1)
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
