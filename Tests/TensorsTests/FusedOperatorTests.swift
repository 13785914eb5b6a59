import Tensors
import TestSupport
import Testing

/// Fused operators against their compositions from basic ones, values and gradients.
@Suite struct FusedOperatorTests {
  /// The gradients of <cotangent, f> with respect to `inputs`, and the value first.
  private func valueAndGradients(
    _ inputs: [Tensor], _ function: ([Tensor]) throws -> Tensor
  ) throws -> [[Double]] {
    let variables = inputs.map { $0.variable() }
    let value = try function(variables)
    let table = try gradients(of: value, cotangent: testTensor(value.shape, seed: 99))
    return [value.scalars]
      + variables.map { table[$0]?.scalars ?? [Double](repeating: 0, count: $0.count) }
  }

  private func expectEqual(
    _ inputs: [Tensor], _ fused: ([Tensor]) throws -> Tensor,
    _ composed: ([Tensor]) throws -> Tensor
  ) throws {
    let ours = try valueAndGradients(inputs, fused)
    let expected = try valueAndGradients(inputs, composed)
    for (index, (a, b)) in zip(ours, expected).enumerated() {
      #expect(difference(a, b, relative: 1e-11, absolute: 1e-11) == nil, "part \(index)")
    }
  }

  /// softmax(q k^T / sqrt(head width) + bias) * weightFactor, times v, one head at a time.
  private func attention(
    _ x: [Tensor], heads: Int, bias: Tensor, factor: Tensor? = nil
  ) -> Tensor {
    let head = x[0].shape[2] / heads
    let parts = (0..<heads).map { index -> Tensor in
      let columns = index * head..<(index + 1) * head
      let (q, k, v) = (
        x[0].slice(columns, alongAxis: 2), x[1].slice(columns, alongAxis: 2),
        x[2].slice(columns, alongAxis: 2)
      )
      let scores = q.matmul(k, transposingOther: true) / Double(head).squareRoot()
      var weights = (scores + bias).softmax()
      if let factor { weights = weights * factor }
      return weights.matmul(v)
    }
    return .concatenated(parts, alongAxis: 2)
  }

  /// 0 where query r sees key c, -1e9 elsewhere.
  private func causalBias(_ m: Int, _ n: Int) -> Tensor {
    Tensor(
      (0..<m * n).map { $0 % n <= $0 / n + n - m ? 0 : -1e9 }, shape: [m, n], dtype: .float64)
  }

  @Test(
    "causal attention over several blocks of queries",
    arguments: [(3, 3), (64, 64), (70, 75), (131, 131), (1, 9)])
  func causalAttention(_ m: Int, _ n: Int) throws {
    let inputs = [
      testTensor([2, m, 6], seed: 1), testTensor([2, n, 6], seed: 2),
      testTensor([2, n, 6], seed: 3),
    ]
    try expectEqual(inputs) {
      .attention(queries: $0[0], keys: $0[1], values: $0[2], heads: 2, causal: true)
    } _: {
      attention($0, heads: 2, bias: causalBias(m, n))
    }
  }

  @Test("dropout of attention weights: the way back uses the same mask", arguments: [false, true])
  func droppedAttention(_ causal: Bool) throws {
    let (m, n, rate) = (67, 67, 0.3)
    let start = Philox(seed: 5).startingAtSample(3)
    let inputs = [testTensor([1, m, n], seed: 1), testTensor([1, n, n], seed: 2)]
    // With the identity for values the result is the dropped weights themselves.
    var generator = start
    let dropped = Tensor.attention(
      queries: inputs[0], keys: inputs[1],
      values: Tensor.identity(n, dtype: .float64).reshaped([1, n, n]), heads: 1, causal: causal,
      dropout: rate, using: &generator)
    let kept = dropped.scalars.map { $0 == 0 ? 0 : 1 / (1 - rate) }
    let share = kept.filter { $0 > 0 }.count
    let visible = causal ? m * (m + 1) / 2 : m * n
    #expect(abs(Double(share) / Double(visible) - (1 - rate)) < 0.03)

    let factor = Tensor(kept, shape: [m, n], dtype: .float64)
    let bias = causal ? causalBias(m, n) : .zeros([m, n], dtype: .float64)
    try expectEqual(inputs + [testTensor([1, n, n], seed: 3)]) {
      var generator = start
      return .attention(
        queries: $0[0], keys: $0[1], values: $0[2], heads: 1, causal: causal, dropout: rate,
        using: &generator)
    } _: {
      attention($0, heads: 1, bias: bias, factor: factor)
    }
  }

  @Test("attention that is not recorded has the same value")
  func unrecordedAttention() {
    let inputs = (1...3).map { testTensor([2, 70, 6], seed: $0) }
    func value(_ x: [Tensor]) -> [Double] {
      Tensor.attention(
        queries: x[0], keys: x[1], values: x[2], heads: 3, causal: true
      ).scalars
    }
    #expect(value(inputs) == value(inputs.map { $0.variable() }))
  }

  /// Shapes for every way in which single-precision products are cut into tiles, none a multiple.
  @Test(
    "products in tiles",
    arguments: [
      (70, 130, 300, false, false), (7, 150, 1000, false, false), (130, 70, 400, true, false),
      (7, 130, 200, false, true), (90, 70, 150, false, true), (200, 70, 250, false, true),
      (150, 1030, 20, false, true), (40, 1030, 90, false, false), (35, 70, 150, true, true),
    ])
  func tiledProducts(_ m: Int, _ n: Int, _ k: Int, _ aTransposed: Bool, _ bTransposed: Bool) {
    let a = testTensor(aTransposed ? [k, m] : [m, k], seed: 1).converted(to: .float32)
    let b = testTensor(bTransposed ? [n, k] : [k, n], seed: 2).converted(to: .float32)
    func product(_ dtype: DType) -> [Double] {
      a.converted(to: dtype).matmul(
        b.converted(to: dtype), transposingSelf: aTransposed, transposingOther: bTransposed
      ).scalars
    }
    #expect(
      difference(product(.float32), product(.float64), relative: 1e-6, absolute: 1e-4) == nil)
  }
}
