import Tensors
import TestSupport
import Testing

/// A caller's mistake stops the process with a message that prints what did not fit.
@Suite struct MistakeTests {
  private func message(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test func shapesThatCannotBeBroadcast() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3]) + Tensor.zeros([4, 5]) }
    #expect(message(result).contains("[2, 3] and [4, 5]"))
  }

  @Test func innerExtentsThatDiffer() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2, 3]).matmul(Tensor.zeros([4, 5])) }
    #expect(message(result).contains("[2, 3] and [4, 5]"))
  }

  @Test func mixedDTypes() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([2]) + Tensor.zeros([2], dtype: .float64) }
    #expect(message(result).contains("float32 [2] and float64 [2]"))
  }

  @Test func aLossThatIsNoScalar() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try gradients(of: Tensor.zeros([2, 3]).variable() * 2) }
    #expect(message(result).contains("[2, 3]"))
  }

  @Test func aGradientOfMoreThanOneNumber() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try gradient(at: Tensor.zeros([2, 3])) { $0 * 2 } }
    #expect(message(result).contains("[2, 3]") && message(result).contains("jacobian(at:of:)"))
  }

  @Test func aDirectionOfAnotherShape() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = try jvp(at: Tensor.zeros([2, 3]), along: Tensor.zeros([3, 2])) { $0 * 2 } }
    #expect(message(result).contains("[3, 2]") && message(result).contains("[2, 3]"))
  }

  @Test func aTransformationOfACotangentThatIsNotDifferentiable() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try gradient(at: Tensor.ones([2])) { x in
        try gradient(at: x) { x in
          x.square().transformingCotangent(name: "sign") { $0 * 2 }.sum()
        }.sum()
      }
    }
    #expect(message(result).contains("sign has no second derivative"))
  }

  @Test func aSampleThatIsReplacedTwice() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Tensor.zeros([3, 2]).replacing([1, 0, 1], Tensor.ones([3, 2])) }
    #expect(message(result).contains("[1, 0, 1]"))
  }

  @Test func aGraphThatIsUsedTwice() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let x = Tensor(2).variable()
      let y = x * x
      _ = try gradients(of: y)
      _ = try gradients(of: y)
    }
    #expect(message(result).contains("retainingGraph"))
  }
}
