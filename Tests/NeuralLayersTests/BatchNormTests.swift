import NeuralLayers
import Tensors
import TestFolders
import TestSupport
import Testing

@Suite struct BatchNormTests {
  private func norm(_ channels: Int = 3) -> BatchNorm {
    let norm = BatchNorm(channels, momentum: 0.3, epsilon: 0.01)
    norm.convertParameters(to: .float64)
    norm.weight.assign(testTensor([channels], seed: 11))
    norm.bias.assign(testTensor([channels], seed: 12))
    return norm
  }

  @Test("training: channels of the batch have the mean `bias` and the deviation |weight|")
  func training() {
    let norm = norm()
    let x = testTensor([4, 2, 5, 3], seed: 1, scale: 3, offset: 2)
    let y = norm(x, in: .training())
    let axes = [0, 1, 2]
    #expect(difference(y.mean(alongAxes: axes), norm.bias.tensor, absolute: 1e-14) == nil)
    let variance = x.variance(alongAxes: axes)
    let expected = norm.weight.tensor.square() * variance / (variance + 0.01)
    #expect(difference(y.variance(alongAxes: axes), expected, absolute: 1e-13) == nil)
  }

  @Test("running statistics move at commit alone, once for each application, by the momentum")
  func commit() {
    let norm = norm()
    let x = testTensor([7, 3], seed: 2, scale: 2, offset: 1)
    let context = LayerContext.training()
    _ = norm(x, in: context)
    #expect(norm.runningMean.tensor.scalars == [0, 0, 0] && norm.batchCount.tensor.scalar == 0)
    #expect(context.statistics.count == 1)
    context.statistics.commit()
    let (mean, variance) = (x.mean(alongAxis: 0), x.variance(alongAxis: 0, correction: 1))
    #expect(difference(norm.runningMean.tensor, 0.3 * mean, absolute: 1e-15) == nil)
    #expect(difference(norm.runningVariance.tensor, 0.7 + 0.3 * variance, absolute: 1e-15) == nil)
    #expect(norm.batchCount.tensor.scalar == 1)

    // Two passes, as of two workers.
    var seen = BatchStatistics()
    for _ in 0..<2 {
      let part = LayerContext.training()
      _ = norm(x, in: part)
      seen.append(part.statistics)
    }
    seen.commit()
    let share = 1 - 0.7 * 0.7 * 0.7
    #expect(difference(norm.runningMean.tensor, share * mean, absolute: 1e-14) == nil)
    #expect(norm.batchCount.tensor.scalar == 3)
  }

  @Test("evaluation: a function of each sample alone, that of the running statistics")
  func evaluation() {
    let norm = norm()
    let context = LayerContext.training()
    let x = testTensor([7, 3], seed: 2, scale: 2, offset: 1)
    _ = norm(x, in: context)
    context.statistics.commit()
    let other = LayerContext.evaluation
    let y = norm(x, in: other)
    let expected =
      (x - norm.runningMean.tensor) / (norm.runningVariance.tensor + 0.01).sqrt()
      * norm.weight.tensor + norm.bias.tensor
    #expect(difference(y, expected, absolute: 1e-14) == nil)
    #expect(other.statistics.count == 0)
    #expect(
      difference(norm(x.slice(2..<3), in: .evaluation), y.slice(2..<3), absolute: 1e-15) == nil)
  }

  @Test("gradients of both modes, and second derivatives")
  func bothModes() throws {
    let norm = norm()
    let context = LayerContext.training()
    _ = norm(testTensor([7, 3], seed: 2), in: context)
    context.statistics.commit()
    for mode in [true, false] {
      let x = testTensor([4, 2, 3], seed: 5)
      #expect(
        try gradientDifference([x]) { norm($0[0], in: LayerContext(isTraining: mode)) } == nil)
      let loss = { (x: Tensor) -> Tensor in
        let y = norm(x, in: LayerContext(isTraining: mode))
        return (y.square() * y * testTensor(x.shape, seed: 6)).sum()
      }
      #expect(try gradientDifference([x]) { try gradient(at: $0[0], of: loss) } == nil)
      for parameter in [norm.weight, norm.bias] {
        let slope = try #require(try norm.gradient { loss(x) }[parameter.tensor])
        let value = parameter.tensor.detached()
        let direction = testTensor([3], seed: 7)
        let sides = [1e-5, -1e-5].map { step -> Double in
          parameter.assign(value + direction * step)
          defer { parameter.assign(value) }
          return loss(x).scalar
        }
        let numerical = (sides[0] - sides[1]) / 2e-5
        #expect(abs((slope * direction).sum().scalar - numerical) < 1e-7 * max(1, abs(numerical)))
      }
    }
  }

  @Test("names are the published ones, and the statistics are not trained")
  func names() throws {
    let norm = BatchNorm(3)
    let names = norm.namedParameters.map(\.name)
    #expect(
      names == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
    #expect(norm.namedParameters.map(\.parameter.isTrained) == [true, true, false, false, false])
    #expect(norm.parameterCount == 6)
    let table = try gradients(of: norm(testTensor([4, 3], dtype: .float32), in: .training()).sum())
    #expect(table.count == 2)
  }

  @Test("statistics that say nothing are refused")
  func mistakes() async {
    let unseen = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = BatchNorm(3)(.ones([2, 3]), in: .evaluation) }
    #expect(errorText(unseen).contains("has seen no batch yet"))
    #expect(errorText(unseen).contains("num_batches_tracked"))
    #expect(errorText(unseen).contains("norm.batchCount.assign(Tensor(1))"))
    let restored = BatchNorm(3)
    restored.runningMean.assign(.ones([3]))
    restored.batchCount.assign(Tensor(1))
    #expect(restored(.ones([2, 3]), in: .evaluation).scalars == [0, 0, 0, 0, 0, 0])
    let single = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = BatchNorm(3)(.ones([1, 3]), in: .training()) }
    #expect(errorText(single).contains("take a larger batch"))
  }

  @Test("a batch norm stops in a chunk of a share, and takes whole shares")
  func chunks() async {
    await #expect(processExitsWith: .success) {
      Workers.count = 1
      let whole = Workers.reduceRanges(of: 6, inChunksOf: 6, into: 0) { sum, range in
        sum += BatchNorm(3)(Tensor.zeros([6, 3]).slice(range), in: .training()).shape[0]
      }
      #expect(whole == [6])
    }
    // Chunks of one sample, which would be too few anyway.
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      Workers.count = 1
      _ = Workers.reduceRanges(of: 6, inChunksOf: 1, into: 0) { sum, range in
        sum += BatchNorm(3)(Tensor.zeros([6, 3]).slice(range), in: .training()).shape[0]
      }
    }
    #expect(
      errorText(result).contains("chunk")
        && errorText(result).contains("mapRanges"))
  }
}
