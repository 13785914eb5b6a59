import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct LayerContextTests {
  private let x = Tensor.ones([50, 100])

  @Test("dropout drops in training, at its rate, something else at every draw")
  func dropout() {
    #expect(Dropout(0.25)(x, in: .evaluation).scalars == x.scalars)
    let context = LayerContext.training(noise: Philox(seed: 6))
    let first = Dropout(0.25)(x, in: context)
    let dropped = first.scalars.filter { $0 == 0 }.count
    #expect(abs(Double(dropped) / 5000 - 0.25) < 0.03)
    #expect(Set(first.scalars).count == 2)
    #expect(Dropout(0.25)(x, in: context).scalars != first.scalars, "the generator moves on")
    #expect(Dropout(0.25)(x, in: .training(noise: Philox(seed: 6))).scalars == first.scalars)
    #expect(Dropout(0)(x, in: .training()).scalars == x.scalars, "nothing is drawn")
  }

  @Test("a part of a batch draws what the whole batch draws for it")
  func parts() {
    let noise = Philox(seed: 3)
    let whole = Dropout(0.5)(x, in: .training(noise: noise))
    let part = Dropout(0.5)(
      x.slice(20..<50), in: .training(noise: noise.startingAtSample(20)))
    #expect(part.scalars == whole.slice(20..<50).scalars)
  }

  @Test func drawingGivesTheNextNumbers() {
    let context = LayerContext.training(noise: Philox(seed: 9))
    var generator = Philox(seed: 9)
    for _ in 0..<2 {
      let drawn = context.draw(for: "a test") { Tensor.normal([3], using: &$0) }
      #expect(drawn?.scalars == Tensor.normal([3], using: &generator).scalars)
    }
    #expect(LayerContext.evaluation.draw(for: "a test") { $0.next() } == nil)
    #expect(!LayerContext.evaluation.isTraining && LayerContext.training().isTraining)
  }

  @Test func trainingWithoutNoiseStopsAtWhatDraws() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = Dropout(0.1)(.ones([2, 3]), in: .training()) }
    let message = errorText(result)
    #expect(message.contains("Dropout(0.1)") && message.contains("has no noise"), "\(message)")
  }

  @Test("what is computed again draws the same with a context of its own")
  func recomputation() throws {
    let x = testTensor([4, 5]).variable()
    let noise = Philox(seed: 8)
    let block = { (x: Tensor, context: LayerContext) in
      Dropout(0.5)(x.tanh(), in: context).square()
    }
    let kept = try gradients(of: block(x, .training(noise: noise)).sum())
    let again = try recomputed([x]) { [block($0[0], .training(noise: noise))] }[0]
    #expect(try gradients(of: again.sum())[x]?.scalars == kept[x]?.scalars)
  }

  @Test("a context from outside of what is computed again is a mistake")
  func recomputationWithAContextFromOutside() async {
    let drawing = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let context = LayerContext.training(noise: Philox(seed: 8))
      let x = testTensor([4, 5]).variable()
      _ = try recomputed([x]) { [Dropout(0.5)($0[0], in: context)] }
    }
    #expect(
      errorText(drawing).contains(
        "Dropout(0.5) is computed again on the way back"))
    let observing = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let context = LayerContext.training()
      let x = testTensor([4, 5], dtype: .float32).variable()
      _ = try recomputed([x]) { [BatchNorm(5)($0[0], in: context)] }
    }
    #expect(
      errorText(observing).contains(
        "a batch norm in training is computed again"))
  }
}
