import ImplicitLayers
import Tensors
import TestFolders
import TestSupport
import Testing

/// A map that treats axis 0 as anything but the batch is found out by one pullback.
@Suite struct MixedSamplesTests {
  private static let mixing = testTensor([3, 3], seed: 5, scale: 0.3)

  /// Columns as states: the product mixes the entries of axis 0.
  private static func solve(_ b: Tensor) throws -> Tensor {
    try fixedPoint(from: b.zerosLike()) { z in (mixing.matmul(z) + b).tanh() }
  }

  @Test("the check stops and names the samples, and is silent where they do not mix")
  func check() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      try expectSeparateSamples(of: Tensor.zeros([3, 2], dtype: .float64)) { v in
        MixedSamplesTests.mixing.matmul(v, transposingSelf: true)
      }
    }
    let message = errorText(result)
    #expect(message.contains("sample 1 of the image depends on sample 0"), "\(message)")
    try expectSeparateSamples(of: .zeros([3, 3], dtype: .float64)) { v in
      v.matmul(Self.mixing, transposingOther: true)
    }
  }

  #if DEBUG
    @Test("a backward pass checks in a debug build, at every order")
    func backwardPass() async throws {
      let result = await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        let b = testTensor([3, 2], seed: 6).variable()
        _ = try gradients(of: MixedSamplesTests.solve(b).sum())
      }
      let message = errorText(result)
      #expect(message.contains("samples mix"), "\(message)")
      // A map whose samples are apart passes it, with the gradient's own gradient.
      let b = testTensor([3, 2], seed: 6).variable()
      let w = testTensor([2, 2], seed: 7, scale: 0.4)
      let z = try fixedPoint(from: b.zerosLike()) { z in (z.matmul(w) + b).tanh() }
      let first = try gradients(of: z.square().sum(), creatingGraph: true)[b]
      #expect(try gradients(of: #require(first).sum())[b] != nil)
    }
  #else
    @Test("a backward pass does not check in a release build, which costs a pullback")
    func backwardPass() throws {
      let b = testTensor([3, 2], seed: 6).variable()
      #expect(try gradients(of: Self.solve(b).sum())[b] != nil)
    }
  #endif
}
