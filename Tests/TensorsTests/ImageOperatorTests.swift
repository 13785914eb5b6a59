import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct ImageOperatorTests {
  @Test(
    "a transposed convolution is the adjoint of the convolution with its weight",
    arguments: [(1, 1, 0), (3, 1, 1), (3, 2, 1), (4, 3, 0), (2, 3, 1)])
  func adjoint(_ kernel: Int, _ stride: Int, _ padding: Int) {
    // As many rows as columns are left over: 13 - 7 is a multiple of every stride.
    let x = testTensor([2, 13, 7, 3], seed: 1)
    let weight = testTensor([4, 3, kernel, kernel], seed: 2)
    let image = x.convolution2D(weight, stride: stride, padding: padding)
    let y = testTensor(image.shape, seed: 3)
    let back = y.convolution2DTransposed(
      weight, stride: stride, padding: padding, outputPadding: (13 + 2 * padding - kernel) % stride)
    #expect(back.shape == x.shape)
    let (inner, expected) = ((back * x).sum().scalar, (y * image).sum().scalar)
    #expect(abs(inner - expected) <= 1e-13 * (y * image).abs().sum().scalar)
  }

  @Test("the largest element: the first of equals, any NaN, and never what is padded")
  func largest() throws {
    let x = Tensor(
      [-1, -3, -2, -2, .nan, 5, 7, 7, 7] as [Double], shape: [1, 3, 3, 1], dtype: .float64
    ).variable()
    let y = x.maxPooled(kernel: 2, stride: 1)
    #expect(y.scalars[0].isNaN && y.scalars[1].isNaN && y.scalars[2].isNaN && y.scalars[3].isNaN)
    let corners = x.maxPooled(kernel: 2, stride: 3, padding: 1)
    #expect(corners.scalars == [-1, -2, 7, 7])
    let ties = try gradients(of: x.slice(2..<3, alongAxis: 1).maxPooled(kernel: 1, stride: 1).sum())
    #expect(ties[x]?.scalars == [0, 0, 0, 0, 0, 0, 1, 1, 1])
    let row = Tensor([7, 7, 3, 7] as [Double], shape: [1, 2, 2, 1], dtype: .float64).variable()
    #expect(try gradients(of: row.maxPooled(kernel: 2))[row]?.scalars == [1, 0, 0, 0])
  }

  @Test("smooth activations far out: no overflow, the limits 0 and x")
  func farOut() {
    let x = Tensor([-1e30, -40, 0, 40, 1e30], shape: [5])
    for y in [x.gelu(), x.geluTanh(), x.silu()] {
      #expect(y.isFinite.all)
      #expect(difference(y, x.relu(), relative: 1e-7) == nil)
    }
    let wide = Tensor((-60...60).map { Double($0) / 10 }, shape: [121], dtype: .float64)
    let gap = (wide.gelu() - wide.geluTanh()).largestMagnitude
    #expect(gap < 5e-4 && gap > 1e-4)
  }

  @Test("shapes that do not fit are named")
  func mistakes() async {
    let outside = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([1, 4, 4, 2]).maxPooled(kernel: 3, padding: 2) }
    #expect(errorText(outside).contains("at most half"))
    let small = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([1, 2, 4, 2]).averagePooled(kernel: 3) }
    #expect(
      errorText(small).contains(
        "a window of 3 does not fit into an image of shape [1, 2, 4, 2]"))
    let channels = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([1, 2, 4, 2]).convolution2DTransposed(.zeros([3, 2, 1, 1])) }
    #expect(errorText(channels).contains("[3, 2, 1, 1]"))
    let groups = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([1, 6]).groupNorm(gain: .ones([6]), bias: .zeros([6]), groups: 4) }
    #expect(
      errorText(groups).contains("4 groups do not divide the 6 channels"))
  }
}
