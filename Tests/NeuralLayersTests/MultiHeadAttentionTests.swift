import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct MultiHeadAttentionTests {
  private func layer(heads: Int, dropout: Double = 0) -> MultiHeadAttention {
    var generator = Philox(seed: 1)
    let layer = MultiHeadAttention(6, heads: heads, dropout: dropout, using: &generator)
    layer.convertParameters(to: .float64)
    return layer
  }

  @Test func namesAndShapes() {
    let layer = layer(heads: 2)
    #expect(
      layer.namedParameters.map(\.name)
        == ["proj_q.weight", "proj_k.weight", "proj_v.weight", "proj_o.weight"])
    #expect(layer.namedParameters.allSatisfy { $0.parameter.shape == [6, 6] })
    let result = layer(testTensor([2, 3, 6]), to: testTensor([2, 5, 6]), in: .evaluation)
    #expect(result.shape == [2, 3, 6])
  }

  @Test("position by position with a cache equals all at once", arguments: [1, 2, 3])
  func cachedEqualsUncached(_ heads: Int) {
    let layer = layer(heads: heads)
    let x = testTensor([2, 5, 6], seed: 3)
    let whole = layer(x, to: x, causal: true, in: .evaluation)
    var cache = KeyValueCache(batch: 2, capacity: 7, width: 6, dtype: .float64)
    for position in 0..<5 {
      let range = position..<position + 1
      let one = layer(x.slice(range, alongAxis: 1), extending: &cache)
      #expect(
        difference(one, whole.slice(range, alongAxis: 1), absolute: 1e-14) == nil,
        "position \(position)")
    }
    #expect(cache.count == 5)
  }

  @Test("copies of a cache go on by themselves")
  func copiedCache() {
    let layer = layer(heads: 2)
    let x = (0..<4).map { testTensor([1, 1, 6], seed: 20 + $0) }
    var trunk = KeyValueCache(batch: 1, capacity: 4, width: 6, dtype: .float64)
    _ = layer(x[0], extending: &trunk)
    var (left, right) = (trunk, trunk)
    _ = layer(x[1], extending: &left)
    _ = layer(x[2], extending: &right)
    #expect(trunk.count == 1 && left.count == 2 && right.count == 2)
    for (cache, middle) in [(left, x[1]), (right, x[2])] {
      var branch = cache
      let last = layer(x[3], extending: &branch)
      let sequence = Tensor.concatenated([x[0], middle, x[3]], alongAxis: 1)
      let whole = layer(sequence, to: sequence, causal: true, in: .evaluation)
      #expect(difference(last, whole.slice(2..<3, alongAxis: 1), absolute: 1e-14) == nil)
    }
  }

  @Test func theFutureIsInvisible() {
    let layer = layer(heads: 2)
    let x = testTensor([2, 5, 6], seed: 3)
    let changed = Tensor.concatenated(
      [x.slice(0..<3, alongAxis: 1), testTensor([2, 2, 6], seed: 4, scale: 100)], alongAxis: 1)
    let (first, second) = (
      layer(x, to: x, causal: true, in: .evaluation),
      layer(changed, to: changed, causal: true, in: .evaluation)
    )
    #expect(first.slice(0..<3, alongAxis: 1).scalars == second.slice(0..<3, alongAxis: 1).scalars)
    #expect(first.slice(3..<5, alongAxis: 1).scalars != second.slice(3..<5, alongAxis: 1).scalars)
  }

  @Test func dropoutInTrainingOnly() {
    let layer = layer(heads: 2, dropout: 0.5)
    let (x, memory) = (testTensor([2, 3, 6]), testTensor([2, 5, 6], seed: 2))
    let plain = layer(x, to: memory, in: .evaluation)
    #expect(plain.scalars == layer(x, to: memory, in: .evaluation).scalars)
    #expect(plain.scalars == self.layer(heads: 2)(x, to: memory, in: .evaluation).scalars)
    let context = LayerContext.training(noise: Philox(seed: 2))
    let first = layer(x, to: memory, in: context)
    #expect(first.scalars.contains(0))
    #expect(first.scalars != layer(x, to: memory, in: context).scalars)
    let again = layer(x, to: memory, in: .training(noise: Philox(seed: 2)))
    #expect(again.scalars == first.scalars)
  }

  @Test func headsThatDoNotDivideTheWidth() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var generator = Philox(seed: 1)
      _ = MultiHeadAttention(6, heads: 4, using: &generator)
    }
    let message = errorText(result)
    #expect(message.contains("4 heads do not divide a width of 6"))
  }
}
