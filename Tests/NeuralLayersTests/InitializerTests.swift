import NeuralLayers
import Tensors
import TestSupport
import Testing

@Suite struct InitializerTests {
  private func moments(_ tensor: Tensor) -> (mean: Double, variance: Double, largest: Double) {
    let numbers = tensor.scalars
    let mean = numbers.reduce(0, +) / Double(numbers.count)
    let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
    return (mean, variance, tensor.largestMagnitude)
  }

  @Test("uniform initialisers fill their interval", arguments: [1.0, 0.3])
  func xavier(_ gain: Double) {
    var generator = Philox(seed: 2)
    // Fans of a convolution [out, in, kernel, kernel] count the kernel's nine positions.
    let bound = gain * (6.0 / (30 * 9 + 50 * 9)).squareRoot()
    let found = moments(.xavierUniform([50, 30, 3, 3], gain: gain, using: &generator))
    #expect(found.largest <= bound && found.largest > 0.99 * bound)
    #expect(abs(found.mean) < 0.02 * bound)
    #expect(abs(found.variance / (bound * bound / 3) - 1) < 0.03)
  }

  @Test func kaimingDependsOnTheFanInOnly() {
    var generator = Philox(seed: 3)
    for (shape, fanIn) in [([200, 60], 60), ([60, 200], 200), ([40, 7, 4, 4], 112)]
      as [(Shape, Int)]
    {
      let bound = (6 / Double(fanIn)).squareRoot()
      let found = moments(.kaimingUniform(shape, using: &generator))
      #expect(found.largest <= bound && found.largest > 0.99 * bound)
      #expect(abs(found.variance / (bound * bound / 3) - 1) < 0.05)
    }
  }

  @Test func truncatedNormalStopsAtTwoDeviations() {
    var generator = Philox(seed: 4)
    let found = moments(.truncatedNormal([100, 200], deviation: 0.5, using: &generator))
    #expect(found.largest <= 1 && found.largest > 0.98)
    #expect(abs(found.mean) < 0.02)
    // The variance of a standard normal cut off at 2 is 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.7737.
    #expect(abs(found.variance / (0.25 * 0.7737) - 1) < 0.03)
  }

  @Test("orthogonal matrices", arguments: [(12, 12), (30, 7), (7, 30), (1, 5)])
  func orthogonal(_ rows: Int, _ columns: Int) {
    var generator = Philox(seed: 5)
    let matrix = Tensor.orthogonal(rows, columns, using: &generator)
    #expect(matrix.shape == [rows, columns])
    let product =
      rows >= columns
      ? matrix.matmul(matrix, transposingSelf: true) : matrix.matmul(matrix, transposingOther: true)
    #expect(difference(product, .identity(min(rows, columns)), absolute: 1e-6) == nil)
    // Evenly distributed: no sign is preferred.
    #expect(matrix.scalars.contains { $0 < 0 } && matrix.scalars.contains { $0 > 0 })
  }

  @Test func aSeedDeterminesALayer() {
    let weights = [1 as UInt64, 1, 2].map { seed -> [Double] in
      var generator = Philox(seed: seed)
      return Linear(4, 3, using: &generator).weight.tensor.scalars
    }
    #expect(weights[0] == weights[1])
    #expect(weights[0] != weights[2])
  }
}
