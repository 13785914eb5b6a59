import Tensors
import Testing

@Suite struct RandomRangeTests {
  /// A number of 24 bits and a half rounds to 1 in single precision, once in 2^24 draws, and its
  /// Gumbel noise is infinite. 2^26 draws would meet it four times on average.
  @Test("uniform numbers stay below 1 and Gumbel noise stays finite", arguments: 0..<16)
  func openInterval(_ part: Int) {
    var generator = Philox(seed: UInt64(part))
    let uniform = Tensor.uniform([64, 1 << 16], using: &generator)
    #expect(uniform.floats.allSatisfy { $0 > 0 && $0 < 1 })
    #expect(Tensor.gumbel([64, 1 << 16], using: &generator).firstNonFiniteIndex == nil)
  }
}
