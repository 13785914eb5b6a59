import Collectives
import NeuralLayers
import Tensors
import Testing
import Training

@testable import CollectivesProbe

/// The sum of gradients over ranks, beside one process.
@Suite struct DataParallelTests {
  private static func batch() -> Tensor {
    var draws = Philox(seed: 9)
    return .uniform([10, 3], dtype: .float64, using: &draws)
  }

  /// The parameters after some steps, trained by ranks.
  private static func trained(_ size: Int, implicit: Bool) throws -> [[[Double]]] {
    let batch = batch()
    return try Communicator.threads(size) { ranks in
      // Other initial values on each rank: those of rank 0 count.
      let model = ProbedModel(seed: 4 + UInt64(ranks.rank))
      var (parallel, optimizer) = (DataParallel(ranks, checkEvery: 2), SGD(rate: 0.1))
      parallel.begin(model)
      for _ in 0..<5 {
        let part = batch.slice(ranks.share(of: 10))
        let sums = try parallel.sum(of: model, numbers: 1) {
          let loss =
            implicit
            ? try model.equilibriumLoss(part, whole: 10) : model.loss(part, whole: 10)
          return (try gradients(of: loss), [loss.scalar])
        }
        optimizer.step(model, gradients: sums.gradients)
        try parallel.check(model)
      }
      return model.namedParameters.map(\.parameter.tensor.scalars)
    }
  }

  @Test("ranks train what one process trains", arguments: [false, true])
  func sameAsOne(_ implicit: Bool) throws {
    let one = try DataParallelTests.trained(1, implicit: implicit)[0]
    for size in [2, 3, 4] {
      let found = try DataParallelTests.trained(size, implicit: implicit)
      #expect(found.allSatisfy { $0 == found[0] }, "\(size) ranks")
      let difference = zip(found[0].joined(), one.joined()).map { abs($0 - $1) }.max() ?? .nan
      #expect(difference < 1e-10, "\(size) ranks differ from one by \(difference)")
    }
  }

  @Test("a parameter that no rank has a gradient of has none, one that some have has the sum")
  func absentGradients() throws {
    let found = try Communicator.threads(3) { ranks -> [Double?] in
      let (a, b, c) = (
        Parameter(Tensor(2, dtype: .float64)), Parameter(Tensor(3, dtype: .float32)),
        Parameter(Tensor(5, dtype: .float64))
      )
      let list = [NamedParameter("a", a), NamedParameter("b", b), NamedParameter("c", c)]
      let sums = try DataParallel(ranks).sum(of: list, numbers: 1) {
        let loss = a.tensor * Double(ranks.rank + 1)
        let other = b.tensor.converted(to: .float64)
        return (
          try gradients(of: ranks.rank == 1 ? loss + other : loss), [Double(ranks.rank)]
        )
      }
      return [
        sums.gradients[a.tensor]?.scalar, sums.gradients[b.tensor]?.scalar,
        sums.gradients[c.tensor]?.scalar, sums.numbers[0], sums.ownGradients[a.tensor]?.scalar,
      ]
    }
    for (rank, values) in found.enumerated() {
      #expect(values == [6, 1, nil, 3, Double(rank + 1)])
    }
  }

  @Test("a rank that fails in its part of a step fails the step on all")
  func failingPart() throws {
    struct Failure: Error, CustomStringConvertible { let description = "the solve did not end" }
    let messages = try Communicator.threads(3) { ranks -> String in
      let model = ProbedModel(seed: 1)
      do {
        _ = try DataParallel(ranks).sum(of: model) {
          if ranks.rank == 1 { throw Failure() }
          return (try gradients(of: model.loss(DataParallelTests.batch(), whole: 1)), [])
        }
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(messages.allSatisfy { $0 == "rank 1: the solve did not end" })
  }

  @Test("a parameter of one rank that differs in its last bit is found, with rank and name")
  func lastBit() throws {
    let errors = try Communicator.threads(4) { ranks -> RanksDiffer? in
      let model = ProbedModel(seed: 2)
      var parallel = DataParallel(ranks, checkEvery: 3)
      // The first call compares, the next two do not, the fourth does.
      try parallel.check(model)
      if ranks.rank == 2 {
        var bias = model.second.bias?.tensor.scalars ?? []
        bias[1] = bias[1].nextUp
        model.second.bias?.assign(Tensor(bias, shape: [2], dtype: .float64))
      }
      try parallel.check(model)
      try parallel.check(model)
      do {
        try parallel.check(model)
        return nil
      } catch let error as RanksDiffer {
        return error
      }
    }
    for error in errors {
      #expect(error?.ranks == [2])
      #expect(error?.what == "the value of the parameter second.bias")
    }
  }

  @Test("what is not trained becomes its mean")
  func state() throws {
    let found = try Communicator.threads(2) { ranks -> [Double] in
      let norm = BatchNorm(2)
      let context = LayerContext.training(noise: Philox(seed: 1))
      var draws = Philox(seed: UInt64(ranks.rank))
      let rows = Tensor.uniform([6, 2], using: &draws)
      _ = norm(rows, in: context)
      context.statistics.commit()
      let own = norm.runningMean.tensor.scalars
      let all = ranks.gather(own)
      DataParallel(ranks).averageState(of: norm)
      let mean = zip(all[0], all[1]).map { Double(Float($0 + $1) / 2) }
      #expect(norm.runningMean.tensor.scalars == mean && all[0] != all[1])
      #expect(norm.batchCount.tensor.scalar == 1)
      return norm.runningVariance.tensor.scalars
    }
    #expect(found[0] == found[1])
  }
}
