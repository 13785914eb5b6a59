import CKernels
import COpenBLAS

/// A product of single-precision matrices, row-major: c = scale a b + keep c.
///
/// OpenBLAS packs the operands of a product before it multiplies them, which pays for large
/// matrices, unless the product is small (at most 10^6 multiplications): then its AVX-512 cores
/// multiply in place, at 105-117 Gflop/s a core. The matrices of a model lie between: a linear layer
/// of width 192 runs at 97-102 Gflop/s whole and at 115 in tiles of 64 x 64; with the seven rows of
/// a set of slots, at 27-36 whole and 97 in tiles. Tiles that lie 4 KiB apart fall on the same lines
/// of the cache, so matrices with rows of 1024 numbers and more are multiplied whole.
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

  /// The multiplications up to which OpenBLAS multiplies in place.
  private static let smallest = 1_000_000
  /// The width of a tile, and its height where b is read along its rows.
  private static let tile = 64
  /// The height of a tile where b is read across its rows.
  private static let lowTile = 16
  /// Rows of this length and more fall on the same lines of the cache.
  private static let longRow = 1024

  /// Whether OpenBLAS has kernels for small matrices on this processor.
  private static let hasSmallKernels: Bool = {
    guard let name = openblas_get_corename() else { return false }
    return ["skylakex", "cooperlake", "sapphirerapids"].contains(String(cString: name).lowercased())
  }()

  func run() {
    let multiplications = m * n * k
    guard
      SingleProduct.hasSmallKernels,
      openblas_get_num_threads() == 1 || multiplications <= 4 * SingleProduct.smallest
    else { return whole() }
    if bTransposed {
      if aTransposed { return whole() }
      if m > SingleProduct.lowTile {
        return cStride < SingleProduct.longRow ? tilesOfTransposed() : whole()
      }
      return k <= SingleProduct.smallest / (SingleProduct.lowTile * SingleProduct.tile)
        ? tiles(height: SingleProduct.lowTile, depth: k) : whole()
    }
    let isLong =
      max(bStride, cStride) >= SingleProduct.longRow
      || (aTransposed && aStride >= SingleProduct.longRow)
    if multiplications <= SingleProduct.smallest || (isLong && m > SingleProduct.lowTile) {
      return whole()
    }
    tiles(height: SingleProduct.tile, depth: depth)
  }

  /// What k is cut into: near 192, so that a tile's operands fit the innermost cache.
  private var depth: Int {
    if k <= 244 { return k }
    let parts = (k + 191) / 192
    return ((k + parts - 1) / parts + 15) / 16 * 16
  }

  private func whole() { multiply(0, 0, 0, m, n, k, keep: keep, b, bStride, bTransposed) }

  private func tiles(height: Int, depth: Int) {
    for column in stride(from: 0, to: n, by: SingleProduct.tile) {
      let width = min(SingleProduct.tile, n - column)
      for start in stride(from: 0, to: k, by: depth) {
        let part = bTransposed ? b + column * bStride + start : b + start * bStride + column
        for row in stride(from: 0, to: m, by: height) {
          multiply(
            row, column, start, min(height, m - row), width, min(depth, k - start),
            keep: start == 0 ? keep : 1, part, bStride, bTransposed)
        }
      }
    }
  }

  /// As `tiles`, with every strip of b^T written out once, so that all tiles read it along rows.
  private func tilesOfTransposed() {
    let strip = Storage(dtype: .float32, count: depth * SingleProduct.tile)
    for column in stride(from: 0, to: n, by: SingleProduct.tile) {
      let width = min(SingleProduct.tile, n - column)
      for start in stride(from: 0, to: k, by: depth) {
        let length = min(depth, k - start)
        ck_transpose_f32(b + column * bStride + start, bStride, strip.f32, width, length)
        for row in stride(from: 0, to: m, by: SingleProduct.tile) {
          multiply(
            row, column, start, min(SingleProduct.tile, m - row), width, length,
            keep: start == 0 ? keep : 1, strip.f32, width, false)
        }
      }
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
