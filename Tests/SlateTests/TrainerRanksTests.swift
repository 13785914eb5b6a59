import Collectives
import Images
import NeuralLayers
import ObjectCentric
import Tensors
import Testing

@testable import slate

/// Training SLATE with threads as ranks, beside training it alone.
@Suite struct TrainerRanksTests {
  private static let data = GeneratedScenes(imageSize: 16, training: 40, held: 30)

  private static func configuration() throws -> RunConfiguration {
    try .tiny {
      ($0.batchSize, $0.accumulate) = (7, 2)
      ($0.dvaeSteps, $0.steps, $0.probeEvery) = (0, 6, 3)
    }
  }

  private static func trainer(_ ranks: Communicator) throws -> Trainer {
    let configuration = try configuration()
    return try Trainer(
      configuration,
      loader: BatchLoader(data, batchSize: configuration.batchSize, seed: 1, dropsLast: true),
      ranks: ranks)
  }

  /// Losses, gradient norms and places of the steps.
  private static func path(_ size: Int) throws -> [[[Double]]] {
    try Communicator.threads(size) { ranks in
      var trainer = try trainer(ranks)
      // Few of them: sooner or later other last digits make another token.
      return try (0..<4).map { _ in
        let record = try trainer.advance()
        #expect((record.probe != nil) == ((record.step - 1) % 3 == 0 && ranks.rank == 0))
        return [
          record.crossEntropy ?? .nan, record.mse ?? .nan, record.gradientNorm,
          Double(trainer.progress.position), Double(trainer.progress.epoch),
        ]
      }
    }
  }

  @Test("ranks whose parts are unequal follow the path of one process")
  func path() throws {
    let one = try TrainerRanksTests.path(1)[0]
    for size in [2, 3] {
      let found = try TrainerRanksTests.path(size)
      #expect(found.allSatisfy { $0 == found[0] }, "\(size) ranks")
      for (a, b) in zip(one.joined(), found[0].joined()) {
        #expect(abs(a - b) <= 1e-4 * abs(a), "\(size) ranks: \(a) and \(b)")
      }
    }
  }

  @Test("what ranks measure together is what one measures, in every bit")
  func evaluation() throws {
    @Sendable func scores(_ ranks: Communicator) throws -> [Double?] {
      let trainer = try TrainerRanksTests.trainer(.alone)
      let evaluation = Evaluation(
        model: trainer.model, configuration: trainer.configuration,
        images: try EvaluationImages(
          TrainerRanksTests.data, .validation, limit: 30, tolerance: 0), ranks: ranks)
      return try EvaluationScores(evaluation, afterStep: 0).rows.flatMap { row in
        [row.value] + row.baselines.map(\.value)
      }
    }
    let one = try scores(.alone)
    #expect(one.count > 10)
    for size in [2, 3, 5] {
      #expect(try Communicator.threads(size, scores).allSatisfy { $0 == one }, "\(size) ranks")
    }
  }

  /// Scenes of which one cannot be read.
  private struct Damaged: ImageDataset {
    let scenes = TrainerRanksTests.data
    let damaged: Int
    var description: String { scenes.description }
    var imageSize: Int { scenes.imageSize }
    func count(of split: Split) -> Int { scenes.count(of: split) }
    func image(_ index: Int, of split: Split) throws -> Image {
      guard index != damaged || split != .train else {
        throw ImageError(path: name(index, of: split), reason: "it is gone", remedy: "none")
      }
      return try scenes.image(index, of: split)
    }
    func mask(_ index: Int, of split: Split) throws -> SegmentationMask? {
      try scenes.mask(index, of: split)
    }
    func name(_ index: Int, of split: Split) -> String { scenes.name(index, of: split) }
  }

  @Test("a step whose images cannot be read uses none of them")
  func stepsThatFail() throws {
    let configuration = try TrainerRanksTests.configuration()
    var failures = 0
    for damaged in 0..<40 {
      let loader = BatchLoader(
        Damaged(damaged: damaged), batchSize: configuration.batchSize, seed: 1, dropsLast: true,
        tolerance: 0)
      var trainer = try Trainer(configuration, loader: loader, ranks: .alone)
      do {
        _ = try trainer.advance()
        #expect(trainer.progress.step == 1 && trainer.progress.position == 14)
      } catch {
        failures += 1
        #expect(trainer.progress.step == 0 && trainer.progress.position == 0, "\(damaged)")
      }
    }
    // Two batches of seven.
    #expect(failures == 14)
  }

  @Test("an evaluation that one rank is asked to stop is given up by all")
  func stopping() throws {
    let found = try Communicator.threads(3) { ranks -> Bool in
      do {
        _ = try ranks.sharing(9, until: { ranks.rank == 1 }) { [Double($0)] }
        return false
      } catch is Evaluation.Stopped {
        return true
      }
    }
    #expect(found == [true, true, true])
  }

  @Test("the rank whose part of a batch is not finite is named by all")
  func notFinite() throws {
    let messages = try Communicator.threads(3) { ranks -> String in
      var trainer = try TrainerRanksTests.trainer(ranks)
      _ = try trainer.advance()
      if ranks.rank == 1 {
        let first = trainer.model.namedParameters[0].parameter
        first.assign(first.tensor.detached() * Double.infinity)
      }
      do {
        _ = try trainer.advance()
        return ""
      } catch {
        #expect(error is any KnownToAllRanks)
        return "\(error)"
      }
    }
    let name = try TrainerRanksTests.trainer(.alone).model.namedParameters[0].name
    for message in messages {
      #expect(message.hasPrefix("rank 1: step "), "\(message)")
      #expect(message.contains("the parameter \(name) is not finite"), "\(message)")
    }
    let error = NotFinite(step: 3, tensor: "the loss", ranks: [1, 2])
    #expect(error.description.hasPrefix("step 3: the loss is not finite on ranks 1, 2;"))
  }

  @Test("more ranks than images in a batch are refused")
  func manyRanks() throws {
    let errors = try Communicator.threads(8) { ranks -> String in
      do {
        _ = try TrainerRanksTests.trainer(ranks)
        return ""
      } catch let error as RunError {
        return error.description
      }
    }
    #expect(errors.allSatisfy { $0.contains("8 ranks cannot share so few images") })
  }

  @Test("what one process does is refused to several, whether they can find each other or not")
  func commandsOfOne() throws {
    let tasks = ["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"]
    for variables in [tasks, ["OMPI_COMM_WORLD_SIZE": "4"], ["PMI_SIZE": "4"]] {
      let error = try #require(throws: RunError.self) {
        try Ranks.expectOne("data", environment: variables)
      }
      #expect("\(error)".contains("started it 4 times"), "\(error)")
      #expect("\(error)".contains("srun --ntasks=1") == (variables == tasks))
    }
    for variables in [
      [:], ["SLURM_STEP_NUM_TASKS": "1"], ["SLURM_NTASKS": "4"], ["OMPI_COMM_WORLD_SIZE": "1"],
    ] {
      try Ranks.expectOne("data", environment: variables)
    }
  }
}
