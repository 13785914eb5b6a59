import Tensors
import Testing

@Suite struct NormTests {
  @Test("norms of samples whose squares leave the range of doubles")
  func range() {
    let rows = [
      [3e-200, 4e-200], [3e200, -4e200], [0, .leastNonzeroMagnitude], [0, 0], [.infinity, 1],
      [3, 4],
      [1e-150, 1e150],
    ]
    let norms = Tensor(rows.flatMap { $0 }, shape: [7, 2], dtype: .float64).normsOfSamples
    let expected = [5e-200, 5e200, .leastNonzeroMagnitude, 0, .infinity, 5, 1e150]
    for (norm, value) in zip(norms, expected) {
      #expect(norm == value || abs(norm - value) <= 1e-15 * value)
    }
    #expect(Tensor([.nan, 1], shape: [1, 2], dtype: .float64).normsOfSamples[0].isNaN)
    #expect(Tensor([.nan, 1e200], shape: [1, 2], dtype: .float64).normsOfSamples[0].isNaN)
    #expect(Tensor.zeros([2, 0], dtype: .float64).normsOfSamples == [0, 0])
  }

  @Test("norms of samples of one number are its modulus", arguments: [DType.float32, .float64])
  func moduli(_ dtype: DType) {
    let values: [Double] = [3, -0.25, 0, -.infinity]
    let norms = Tensor(values + [.nan], shape: [5, 1], dtype: dtype).normsOfSamples
    #expect(Array(norms.prefix(4)) == values.map(\.magnitude))
    #expect(norms[4].isNaN)
    #expect(
      Tensor([-1e-200, 1e200], shape: [2, 1], dtype: .float64).normsOfSamples == [1e-200, 1e200])
  }
}
