import Tensors
import TestSupport
import Testing

/// Products of many matrices at once: of a few numbers, which this library multiplies, and of more, which
/// BLAS does.
@Suite struct BatchedProductTests {
  @Test(
    "every product of a batch is the sum over the inner axis",
    arguments: [DType.float32, .float64], [[2, 3, 4], [1, 1, 1], [5, 4, 6]])
  func products(_ dtype: DType, _ extents: [Int]) throws {
    let (m, n, k) = (extents[0], extents[1], extents[2])
    // More products than a worker takes at a time.
    let batch = 5000
    for (left, right) in [(false, false), (false, true), (true, false), (true, true)] {
      for (isLeftShared, isRightShared) in [(false, false), (true, false), (false, true)] {
        let aShape: Shape = (isLeftShared ? [] : [batch]) + (left ? [k, m] : [m, k])
        let bShape: Shape = (isRightShared ? [] : [batch]) + (right ? [n, k] : [k, n])
        let a = testTensor(aShape, seed: 1, dtype: dtype)
        let b = testTensor(bShape, seed: 2, dtype: dtype)
        let product = a.matmul(b, transposingSelf: left, transposingOther: right)
        #expect(product.shape == [batch, m, n])
        let (found, x, y) = (product.scalars, a.scalars, b.scalars)
        var worst = 0.0
        for sample in stride(from: 0, to: batch, by: 7) {
          let (aStart, bStart) = (
            isLeftShared ? 0 : sample * m * k, isRightShared ? 0 : sample * k * n
          )
          for row in 0..<m {
            for column in 0..<n {
              var sum = 0.0
              for inner in 0..<k {
                let left = x[aStart + (left ? inner * m + row : row * k + inner)]
                let right = y[bStart + (right ? column * k + inner : inner * n + column)]
                sum += left * right
              }
              worst = max(worst, abs(sum - found[(sample * m + row) * n + column]))
            }
          }
        }
        #expect(worst <= 16 * dtype.machineEpsilon)
      }
    }
  }
}
