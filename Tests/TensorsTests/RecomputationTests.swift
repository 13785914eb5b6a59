import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct RecomputationTests {
  /// Three steps of z <- tanh(z w + x), with w and a function of x captured.
  private func chain(_ v: [Tensor], recomputing: Bool) throws -> Tensor {
    let (z0, w, x) = (v[0], v[1], v[2])
    let injection = (x * 0.5).tanh()
    // A captured tensor that depends on another captured one must not be counted twice.
    let shifted = injection + w.sum(alongAxis: 0)
    let body: ([Tensor]) throws -> [Tensor] = { inputs in
      var z = inputs[0]
      for _ in 0..<3 { z = (z.matmul(w) + injection + shifted).tanh() }
      return [z, z.square() * inputs[1]]
    }
    let inputs = [z0, z0.sin()]
    let outputs = try recomputing ? recomputed(inputs, body) : body(inputs)
    return outputs[0] * 2 + outputs[1] + injection
  }

  private let inputs = [
    testTensor([2, 3], seed: 1), testTensor([3, 3], seed: 2, scale: 0.5),
    testTensor([2, 3], seed: 3),
  ]

  /// A rule of which nothing is known but its pullback: J = 2 diag(1 - tanh^2).
  private static func doubled(_ x: Tensor) -> Tensor {
    x.tanh().transformingCotangent(name: "doubled") { v in withoutRecording { v * 2 } }
  }

  @Test("rules that do not differentiate again are seen through what is computed again")
  func opaqueRules() throws {
    let (x, s) = (testTensor([2, 3], seed: 4), testTensor([2, 3], seed: 5))
    let plain = try Linearization(at: x) { x in Self.doubled(x) * x }
    let hidden = try Linearization(at: x) { x in
      try recomputed([x]) { outer in
        try recomputed(outer) { [Self.doubled($0[0]) * $0[0]] }
      }[0]
    }
    #expect(try hidden.pushforward(s).scalars == plain.pushforward(s).scalars)
    let slope = x.tanh() + x * 2 * (1 - x.tanh().square())
    #expect(difference(try hidden.pushforward(s), slope * s, relative: 1e-13) == nil)
  }

  @Test("where it has to be differentiated again, the rule is named")
  func opaqueRuleIsNamed() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try hessian(at: Tensor.ones([1, 2])) { x in
        try recomputed([x]) { [Self.doubled($0[0])] }[0].sum()
      }
    }
    let message = errorText(result)
    #expect(message.contains("doubled has no second derivative"), "\(message)")
  }

  @Test func gradientsAgreeWithFiniteDifferences() throws {
    #expect(try gradientDifference(inputs) { try chain($0, recomputing: true) } == nil)
  }

  @Test func valuesAndGradientsAreThoseOfTheKeptTape() throws {
    let results = try [false, true].map { recomputing -> [[Double]] in
      let variables = inputs.map { $0.variable() }
      let output = try chain(variables, recomputing: recomputing)
      let table = try gradients(of: output.sum())
      return [output.scalars] + (try variables.map { try #require(table[$0]).scalars })
    }
    #expect(results[0][0] == results[1][0])
    for (a, b) in zip(results[0], results[1]) {
      #expect(difference(b, a, relative: 1e-14) == nil)
    }
  }

  @Test func nestedPartsWork() throws {
    let difference = try gradientDifference(inputs) { v in
      let w = v[1]
      return try recomputed([v[0], v[2]]) { outer in
        let inner = try recomputed([outer[0]]) { [($0[0].matmul(w) + outer[1]).tanh()] }
        return [inner[0].matmul(w)]
      }[0]
    }
    #expect(difference == nil)
  }

  @Test func whatIsNotRecordedStaysSo() throws {
    let outputs = try recomputed([inputs[0]]) { [$0[0] * 2] }
    #expect(!outputs[0].isRecorded)
    let w = inputs[1].variable()
    let quiet = try withoutRecording { try recomputed([inputs[0]]) { [$0[0].matmul(w)] } }
    #expect(!quiet[0].isRecorded)
  }

  @Test func theTapeHoldsOneNodeForThePart() async {
    await #expect(processExitsWith: .success) {
      let w = testTensor([4, 4]).variable()
      let z = testTensor([2, 4]).variable()
      func nodes(_ steps: Int) throws -> Int {
        let before = TensorMemory.liveNodes
        let output = try recomputed([z]) { inputs in
          var z = inputs[0]
          for _ in 0..<steps { z = z.matmul(w).tanh() }
          return [z]
        }
        defer { withExtendedLifetime(output) {} }
        return TensorMemory.liveNodes - before
      }
      let (few, many) = (try nodes(2), try nodes(200))
      #expect(few == many)
    }
  }
}
