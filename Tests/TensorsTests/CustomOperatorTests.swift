import Tensors
import TestFolders
import TestSupport
import Testing

/// Functions with rules of their own.
@Suite struct CustomOperatorTests {
  private let x = testTensor([3], seed: 4)

  @Test func theRuleIsWhatCounts() throws {
    // A step whose slope is agreed upon: that of the identity.
    let step = CustomOperator("step") {
      $0[0].sign()
    } pullback: { v, _, _ in
      [v]
    }
    #expect(try step(x) == x.sign())
    #expect(try gradient(at: x) { try step($0).sum() } == Tensor([1, 1, 1], dtype: .float64))
  }

  @Test func theValueIsNotDifferentiated() throws {
    // Heron's iteration, whose last step alone has another slope than the root.
    let root = CustomOperator("root") { inputs in
      var y = inputs[0]
      for _ in 0..<50 { y = (y + inputs[0] / y) / 2 }
      return y.detached()
    } pullback: { v, _, y in
      [v / (2 * y)]
    }
    let a = Tensor([4, 9, 2], dtype: .float64).variable()
    let y = try root(a)
    let slope = try #require(gradients(of: y.sum())[a])
    #expect(difference(slope, 0.5 * y.detached().reciprocal(), absolute: 1e-15) == nil)
  }

  @Test func inputsThatDoNotMatter() throws {
    let first = CustomOperator("first") {
      $0[0]
    } pullback: { v, _, _ in
      [v, nil]
    }
    let y = x.variable()
    #expect(try gradients(of: first(x, y).sum())[y] == nil)
  }

  @Test func whatTheRuleThrowsLeavesTheGradient() {
    struct Failure: Error {}
    let fails = CustomOperator("fails") {
      $0[0]
    } pullback: { _, _, _ in
      throw Failure()
    }
    #expect(throws: Failure.self) { try gradient(at: x) { try fails($0).sum() } }
  }

  @Test func mistakesOfRulesStop() async {
    let shape = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let wrong = CustomOperator("wrong") {
        $0[0]
      } pullback: { v, _, _ in
        [v.sum()]
      }
      _ = try gradient(at: Tensor.ones([3])) { try wrong($0).sum() }
    }
    #expect(
      errorText(shape).contains("pullback of wrong")
        && errorText(shape).contains("[3]"))
    let count = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let wrong = CustomOperator("wrong") {
        $0[0] + $0[1]
      } pullback: { v, _, _ in
        [v]
      }
      _ = try gradient(at: Tensor.ones([3])) { try wrong($0, $0).sum() }
    }
    #expect(errorText(count).contains("1 tensors for 2 inputs"))
    let again = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let plain = CustomOperator("plain", differentiatesAgain: false) {
        $0[0].square()
      } pullback: {
        v, x, _ in
        [Tensor(x[0].scalars.map { 2 * $0 }) * v]
      }
      _ = try gradient(at: Tensor.ones([3])) { x in
        try gradient(at: x) { try plain($0).sum() }.sum()
      }
    }
    #expect(errorText(again).contains("plain has no second derivative"))
  }
}
