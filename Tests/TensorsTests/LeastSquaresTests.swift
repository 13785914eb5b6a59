import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct LeastSquaresTests {
  /// A regular matrix, one of rank 1 and zero.
  private func matrices(_ dtype: DType) -> Tensor {
    Tensor([2, 1, 0, 4, 1, 2, 3, 6, 0, 0, 0, 0], shape: [3, 2, 2], dtype: dtype)
  }

  @Test("solutions of least norm, straight and transposed", arguments: [DType.float64, .float32])
  func solutions(_ dtype: DType) throws {
    let b = Tensor([3, 8, 1, 1, 5, 7], shape: [3, 2], dtype: dtype)
    let tolerance = 16 * dtype.machineEpsilon
    let straight = try LeastSquaresSolution(of: matrices(dtype), right: b)
    #expect(straight.ranks == [2, 1, 0])
    // [1 2; 3 6] = (1, 3)^T (1, 2): its pseudo-inverse is (1, 2)^T (1, 3) / 50.
    let expected = [0.5, 2, 0.08, 0.16, 0, 0]
    #expect(difference(straight.value.scalars, expected, relative: tolerance) == nil)
    let transposed = try LeastSquaresSolution(of: matrices(dtype), right: b, transposed: true)
    let expectedTransposed = [1.5, 1.625, 0.06, 0.18, 0, 0]
    #expect(difference(transposed.value.scalars, expectedTransposed, relative: tolerance) == nil)
  }

  @Test("a cutoff decides what counts as singular")
  func cutoff() throws {
    let matrix = Tensor([1, 0, 0, 1e-6], shape: [1, 2, 2], dtype: .float64)
    let b = Tensor([1, 1], shape: [1, 2], dtype: .float64)
    let all = try LeastSquaresSolution(of: matrix, right: b)
    #expect(all.ranks == [2] && abs(all.value.scalars[1] - 1e6) < 1e-3)
    let cut = try LeastSquaresSolution(of: matrix, right: b, cutoffs: [1e-4])
    #expect(cut.ranks == [1] && cut.value.scalars == [1, 0])
  }
}

@Suite struct InnerProductTests {
  @Test("one product per sample, in double precision")
  func products() {
    let a = testTensor([3, 2, 5], seed: 1)
    let b = testTensor([3, 2, 5], seed: 2)
    let expected = (a * b).reshaped([3, 10]).sum(alongAxis: 1).scalars
    #expect(difference(a.innerProductsOfSamples(with: b), expected, relative: 1e-15) == nil)
    // 1 + 2^-30 is no number of float32, but a sum of products of two.
    let x = Tensor([1, 0x1p-15, 0, 0], shape: [2, 2])
    #expect(x.innerProductsOfSamples(with: x) == [1 + 0x1p-30, 0])
    #expect(Tensor.zeros([0, 3]).innerProductsOfSamples(with: .zeros([0, 3])).isEmpty)
  }

  @Test func otherShapesAreRefused() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3]).innerProductsOfSamples(with: .zeros([2, 4])) }
    let message = errorText(result)
    #expect(message.contains("[2, 3]") && message.contains("[2, 4]"))
  }
}
