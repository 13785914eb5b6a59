import CKernels
import COpenBLAS

/// A product of single-precision matrices, row-major: c = scale a b + keep c.
///
/// OpenBLAS packs the operands of a product before it multiplies them, which pays for large
/// matrices. Its AVX-512 kernels multiply small products (at most 10^6 multiplications) in place
/// instead, which is faster. The matrices of a model lie between, so they are multiplied here in
/// tiles that are small enough for that. Tiles whose rows lie 4 KiB apart fall on the same lines of
/// the cache, so matrices with rows of 1024 numbers and more are multiplied whole, or in bands; a
/// left operand that is read along its rows, only from 4096 numbers on. The rates with and without
/// tiles are in [the decision](../../../Docs/Explanation/Decisions/OneThreadPerProduct.md).
///
/// Workers share the tiles. A tile is computed in the same way by every thread, so its bits depend
/// neither on the number of workers nor on what other threads do.
struct SingleProduct {
  let m: Int
  let n: Int
  let k: Int
  let scale: Float
  let keep: Float
  let a: UnsafePointer<Float>
  let aStride: Int
  let aTransposed: Bool
  let b: UnsafePointer<Float>
  let bStride: Int
  let bTransposed: Bool
  let c: UnsafeMutablePointer<Float>
  let cStride: Int

  /// The number of multiplications up to which OpenBLAS multiplies in place.
  private static let smallest = 1_000_000
  /// The width of a tile; also its height where b is read along its rows.
  private static let tile = 64
  /// The height of a tile where b is read across its rows.
  private static let lowTile = 16
  /// Rows of this length or longer fall on the same lines of the cache.
  private static let longRow = 1024

  /// Whether OpenBLAS has kernels for small matrices on this processor.
  private static let hasSmallKernels: Bool = {
    guard let name = openblas_get_corename() else { return false }
    return ["skylakex", "cooperlake", "sapphirerapids"].contains(String(cString: name).lowercased())
  }()

  func run() {
    let multiplications = m * n * k
    guard SingleProduct.hasSmallKernels else { return bands() }
    if bTransposed {
      if aTransposed { return bands() }
      if m > SingleProduct.lowTile {
        return cStride < SingleProduct.longRow ? tilesOfTransposed() : bands()
      }
      return k <= SingleProduct.smallest / (SingleProduct.lowTile * SingleProduct.tile)
        ? tiles(height: SingleProduct.lowTile, depth: k) : bands()
    }
    let isLong =
      max(bStride, cStride) >= SingleProduct.longRow
      || aStride >= (aTransposed ? 1 : 4) * SingleProduct.longRow
    if multiplications <= SingleProduct.smallest || (isLong && m > SingleProduct.lowTile) {
      return bands()
    }
    // A single tile is halved, so that two workers share it.
    let isOneTile = m <= SingleProduct.tile && n <= SingleProduct.tile
    tiles(height: isOneTile ? SingleProduct.tile / 2 : SingleProduct.tile, depth: depth)
  }

  /// The depth of the parts into which k is cut: near 192, so that the operands of a tile fit the
  /// innermost cache.
  private var depth: Int {
    if k <= 244 { return k }
    let parts = (k + 191) / 192
    return ((k + parts - 1) / parts + 15) / 16 * 16
  }

  private func bands() {
    ProductBands(m: m, n: n, k: k).forEach { rows, columns in
      multiply(
        rows.lowerBound, columns.lowerBound, 0, rows.count, columns.count, k, keep: keep,
        b + columns.lowerBound * (bTransposed ? bStride : 1), bStride, bTransposed)
    }
  }

  private func tiles(height: Int, depth: Int) {
    forEachBlockOfTiles(height: height) { rows, columns in
      for column in stride(from: columns.lowerBound, to: columns.upperBound, by: SingleProduct.tile)
      {
        let width = min(SingleProduct.tile, n - column)
        for start in stride(from: 0, to: k, by: depth) {
          let part = bTransposed ? b + column * bStride + start : b + start * bStride + column
          for row in stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
            multiply(
              row, column, start, min(height, m - row), width, min(depth, k - start),
              keep: start == 0 ? keep : 1, part, bStride, bTransposed)
          }
        }
      }
    }
  }

  /// As `tiles`, but every strip of b^T is first written out once, so that all tiles read it along
  /// its rows.
  private func tilesOfTransposed() {
    forEachBlockOfTiles(height: SingleProduct.tile) { rows, columns in
      let strip = Storage(dtype: .float32, count: depth * SingleProduct.tile)
      for column in stride(from: columns.lowerBound, to: columns.upperBound, by: SingleProduct.tile)
      {
        let width = min(SingleProduct.tile, n - column)
        for start in stride(from: 0, to: k, by: depth) {
          let length = min(depth, k - start)
          ck_transpose_f32(b + column * bStride + start, bStride, strip.f32, width, length)
          for row in stride(from: rows.lowerBound, to: rows.upperBound, by: SingleProduct.tile) {
            multiply(
              row, column, start, min(SingleProduct.tile, m - row), width, length,
              keep: start == 0 ? keep : 1, strip.f32, width, false)
          }
        }
      }
    }
  }

  /// Calls `body` for blocks of whole tiles that together cover c; workers share the blocks of a
  /// large product.
  ///
  /// Blocks are strips of columns. If there are few strips, they are also cut into bands of rows,
  /// so many that all workers are busy to the end.
  private func forEachBlockOfTiles(
    height: Int, _ body: (_ rows: Range<Int>, _ columns: Range<Int>) -> Void
  ) {
    let threads = ProductBands.threads(m * n * k)
    guard threads > 1 else { return body(0..<m, 0..<n) }
    let down = (m + height - 1) / height
    let across = (n + SingleProduct.tile - 1) / SingleProduct.tile
    let strips = min(across, 4 * threads)
    let bands = min(down, (4 * threads + strips - 1) / strips)
    Workers.runParts(strips * bands) { block in
      let (strip, band) = (block / bands, block % bands)
      let (top, bottom) = (band * down / bands * height, (band + 1) * down / bands * height)
      let left = strip * across / strips * SingleProduct.tile
      let right = (strip + 1) * across / strips * SingleProduct.tile
      body(top..<min(bottom, m), left..<min(right, n))
    }
  }

  private func multiply(
    _ row: Int, _ column: Int, _ start: Int, _ height: Int, _ width: Int, _ length: Int,
    keep: Float, _ b: UnsafePointer<Float>, _ bStride: Int, _ bTransposed: Bool
  ) {
    ck_expect_product_memory(Workers.count)
    cblas_sgemm(
      CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans,
      bTransposed ? CblasTrans : CblasNoTrans, Int32(height), Int32(width), Int32(length), scale,
      aTransposed ? a + start * aStride + row : a + row * aStride + start, Int32(max(aStride, 1)),
      b, Int32(max(bStride, 1)), keep, c + row * cStride + column, Int32(cStride))
  }
}
