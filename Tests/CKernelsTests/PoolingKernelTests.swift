import CKernels
import Testing

/// Places of largest elements beside a search through every window.
@Suite struct PoolingKernelTests {
  /// Numbers with ties, one NaN and both infinities.
  private static func numbers(_ count: Int) -> [Double] {
    (0..<count).map { index in
      switch index {
      case 17: .nan
      case 40: .infinity
      case 41: -.infinity
      default: Double((index * 7919 + index * index * 31) % 13) - 6
      }
    }
  }

  @Test(
    "the first largest of every window, in both precisions",
    arguments: [(1, 1, 0), (2, 2, 0), (3, 1, 1), (3, 2, 1), (4, 3, 2), (2, 1, 1)])
  func places(_ kernel: Int, _ stride: Int, _ pad: Int) {
    let (batch, height, width, channels) = (2, 5, 7, 3)
    let x = Self.numbers(batch * height * width * channels)
    let rows = (height + 2 * pad - kernel) / stride + 1
    let columns = (width + 2 * pad - kernel) / stride + 1
    var expected: [Int32] = []
    for b in 0..<batch {
      for row in 0..<rows {
        for column in 0..<columns {
          for c in 0..<channels {
            var best: Int?
            for y in max(row * stride - pad, 0)..<min(row * stride - pad + kernel, height) {
              for z in max(column * stride - pad, 0)..<min(column * stride - pad + kernel, width) {
                let place = ((b * height + y) * width + z) * channels + c
                if let found = best {
                  if !x[found].isNaN && (x[place].isNaN || x[place] > x[found]) { best = place }
                } else {
                  best = place
                }
              }
            }
            expected.append(Int32(best ?? -1))
          }
        }
      }
    }
    var (double, single) = (
      [Int32](repeating: -1, count: expected.count), [Int32](repeating: -1, count: expected.count)
    )
    ck_max_pool_places_f64(
      x, &double, batch, height, width, channels, kernel, stride, pad, rows, columns)
    ck_max_pool_places_f32(
      x.map { Float($0) }, &single, batch, height, width, channels, kernel, stride, pad, rows,
      columns)
    #expect(double == expected)
    #expect(single == expected)
  }
}
