import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import TestSupport
import Testing

/// The layer against the algorithm as it is published: keys and values of every input, head by
/// head, in basic operators.
@Suite struct SlotAttentionDefinitionTests {
  private let features = testTensor([2, 11, 6], seed: 1)
  private let slots = testTensor([2, 3, 8], seed: 2)

  private func layer(heads: Int) -> SlotAttention {
    var generator = Philox(seed: 5)
    let layer = SlotAttention(
      featureSize: 6, slotSize: 8, mlpHiddenSize: 10, heads: heads, epsilon: 0.01,
      estimator: .unrolled, stoppingRule: .evaluations(3), using: &generator)
    for entry in layer.namedParameters {
      entry.parameter.assign(testTensor(entry.parameter.shape, seed: 7, scale: 0.5))
    }
    return layer
  }

  /// Three published iterations, and the attention of the last.
  private func published(
    _ layer: SlotAttention, _ features: Tensor, _ initial: Tensor
  ) -> (slots: Tensor, attention: Tensor) {
    let (batch, count, width) = (2, 3, 8)
    let size = width / layer.heads
    let x = layer.normInputs(features)
    let (keys, values) = (layer.projectK(x) / Double(size).squareRoot(), layer.projectV(x))
    var (slots, shown) = (initial, initial)
    for _ in 0..<3 {
      let queries = layer.projectQ(layer.normSlots(slots))
      let columns = (0..<layer.heads).map { $0 * size..<($0 + 1) * size }
      let logits = columns.map {
        queries.slice($0, alongAxis: 2)
          .matmul(keys.slice($0, alongAxis: 2), transposingOther: true)
      }
      let attention = Tensor.concatenated(logits, alongAxis: 1).transposed().softmax().transposed()
      let shares = attention + layer.epsilon
      let weights = shares / shares.sum(alongAxis: 2, keepingAxis: true)
      let updates = Tensor.concatenated(
        columns.enumerated().map { head, columns in
          weights.slice(head * count..<(head + 1) * count, alongAxis: 1)
            .matmul(values.slice(columns, alongAxis: 2))
        }, alongAxis: 2)
      let flat: Shape = [batch * count, width]
      let updated = layer.gru(updates.reshaped(flat), state: slots.reshaped(flat))
      slots = (updated + layer.mlp(layer.normMlp(updated))).reshaped([batch, count, width])
      shown = attention.reshaped([batch, layer.heads, count, 11]).sum(alongAxis: 1)
    }
    return (slots, shown)
  }

  @Test(
    "under a tolerance the attention is that of the slots that are returned",
    arguments: [any ForwardSolver](arrayLiteral: .anderson(), .newtonKrylov(), .picard()))
  func attentionOfSolution(_ solver: any ForwardSolver) throws {
    var layer = layer(heads: 2)
    layer.solver = solver
    // Few evaluations: the best slots need not be the last that were tried.
    layer.stoppingRule = .tolerance(relative: 1e-14, limit: 6)
    let input = SlotAttention.Input(features: features, initialSlots: slots)
    let (found, attention) = try layer.attended(input)
    let expected = layer.attention(of: found, given: layer.inject(input))
    #expect(attention.scalars == expected.scalars)
  }

  @Test("slots, attention and every gradient", arguments: [1, 2, 4, 8])
  func definition(_ heads: Int) throws {
    let layer = layer(heads: heads)
    let (x, initial) = (features.variable(), slots.variable())
    let expected = published(layer, x, initial)
    let (ours, attention) = try layer.attended(.init(features: features, initialSlots: slots))
    #expect(difference(ours, expected.slots, absolute: 1e-12) == nil)
    #expect(difference(attention, expected.attention, absolute: 1e-12) == nil)

    let cotangent = testTensor(slots.shape, seed: 9)
    let result = try layer(.init(features: x, initialSlots: initial))
    let table = try gradients(of: result, cotangent: cotangent)
    let expectedTable = try gradients(of: expected.slots, cotangent: cotangent)
    let variables =
      layer.namedParameters.map { ($0.name, $0.parameter.tensor) }
      + [("features", x), ("initial slots", initial)]
    for (name, variable) in variables {
      #expect(
        try difference(
          #require(table[variable]), #require(expectedTable[variable]), absolute: 1e-11) == nil,
        "\(name)")
    }
  }
}
