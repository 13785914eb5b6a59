import CKernels

/// How a product that OpenBLAS multiplies whole is cut, so that workers share it.
///
/// OpenBLAS runs on the thread that calls it
/// ([why](../../../Docs/Explanation/Decisions/OneThreadPerProduct.md)). A band's bits are those of its own
/// extents; they depend on the shape and the number of workers, and on whether one of several parts of a
/// batch asks for the product, which is not cut then. Each band packs its operands for itself: bands of
/// 512 rows cost 1-4 % of the rate on one thread, of 256 rows 3-10 %, so there are as few as keep the
/// workers busy.
struct ProductBands {
  private let m: Int
  private let n: Int
  private let rows: Int
  private let columns: Int

  /// The multiplications from which workers share a product: some twenty microseconds of one.
  static let smallest = 1 << 21

  /// The number of threads for work of so many multiplications: 1 inside a part.
  static func threads(_ multiplications: Int) -> Int {
    multiplications >= smallest && !ck_runs_a_part() ? Workers.count : 1
  }

  init(m: Int, n: Int, k: Int) {
    (self.m, self.n) = (m, n)
    let threads = ProductBands.threads(m * n * k)
    rows = ProductBands.parts(of: m, threads)
    columns = rows == 1 ? ProductBands.parts(of: n, threads) : 1
  }

  /// A band for each thread, or two where they are high; none below 64.
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
