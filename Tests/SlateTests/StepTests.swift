import Foundation
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import TestFolders
import Testing

@testable import slate

/// What a configuration makes of a training step.
@Suite struct StepTests {
  /// The gradient of the cross-entropy of three images by parameter.
  private func gradients(_ configuration: RunConfiguration) throws -> [String: [Double]] {
    var weights = Philox(seed: 2)
    var model = SLATE(configuration.model, using: &weights)
    model.convertParameters(to: .float64)
    configuration.apply(to: &model)
    var draws = Philox(seed: 3)
    let images = Tensor.uniform([3, 16, 16, 3], dtype: .float64, using: &draws)
    let noise = SLATE.Noise(batch: 3, configuration.model, dtype: .float64, using: &draws)
    let losses = try model.losses(of: images, noise: noise, temperature: 0.8, in: .evaluation)
    let table = try Tensors.gradients(of: losses.crossEntropy)
    return Dictionary(
      uniqueKeysWithValues: model.namedParameters.compactMap { entry in
        table[entry.parameter.tensor].map { (entry.name, $0.scalars) }
      })
  }

  @Test(
    "initial slots learn through unrolling and the straight-through variant alone",
    arguments: [SLATE.SlotInitialization.random, .learned])
  func initialSlots(_ initialization: SLATE.SlotInitialization) throws {
    let names =
      initialization == .random
      ? ["slot_attn.slot_mu", "slot_attn.slot_log_sigma"] : ["slot_attn.slot_init"]
    for (gradient, straight, reaches) in [
      ("implicit", false, false), ("exact", false, false), ("neumann:3", false, false),
      ("implicit", true, true), ("neumann:3", true, true), ("unrolled", false, true),
    ] {
      let found = try gradients(
        RunConfiguration.tiny {
          $0.slotInit = initialization
          $0.straightThrough = straight
          if let choice = GradientChoice(gradient) { $0.gradient = choice }
        })
      for name in names {
        let isReached = found[name].map { $0.contains { $0 != 0 } } ?? false
        #expect(isReached == reaches, "\(name) by \(gradient), straight-through \(straight)")
      }
      #expect(found["slot_attn.slot_attention.project_q.weight"] != nil)
    }
  }

  @Test("the dVAE is trained first, then everything else")
  func dvaeSteps() throws {
    let data = GeneratedScenes(imageSize: 16, training: 16, held: 4)
    let configuration = try RunConfiguration.tiny {
      $0.batchSize = 4
      $0.dvaeSteps = 2
      $0.lrWarmupSteps = 0
      $0.steps = 4
      $0.patience = 0
    }
    func trainer() throws -> Trainer {
      try Trainer(configuration, loader: BatchLoader(data, batchSize: 4, seed: 1))
    }
    /// The values of the dVAE's parameters, then of all others.
    func values(_ trainer: Trainer) -> (dvae: [[Double]], rest: [[Double]]) {
      let all = trainer.model.namedParameters
      return (
        all.filter { $0.name.hasPrefix("dvae.") }.map(\.parameter.tensor.scalars),
        all.filter { !$0.name.hasPrefix("dvae.") }.map(\.parameter.tensor.scalars)
      )
    }
    var run = try trainer()
    let start = values(run)
    for _ in 0..<2 {
      let record = try run.advance()
      #expect(record.crossEntropy == nil && record.mse == record.loss)
    }
    let middle = values(run)
    #expect(middle.rest == start.rest && middle.dvae != start.dvae)
    for step in 3...4 {
      let record = try run.advance()
      #expect(record.mse == nil && record.crossEntropy == record.loss, "step \(step)")
      // Adam's first step has the size of the rate whatever the gradient: its moments begin here.
      let moved = zip(values(run).rest.joined(), middle.rest.joined()).map { abs($0 - $1) }.max()
      if step == 3 {
        let largest = try #require(moved)
        #expect(abs(largest - record.rates.main) < 1e-3 * record.rates.main, "\(largest)")
      }
    }
    let end = values(run)
    #expect(end.dvae == middle.dvae && end.rest != middle.rest)
  }

  @Test("a run that stops where the dVAE is done goes on as if it had not", arguments: [2, 3])
  func resumedAfterTheAutoencoder(_ stop: Int) throws {
    let folder = try TemporaryFolder()
    let whole = try SlateProgram.trainTiny(
      "--dvae-steps", "2", "--steps", "5", out: folder.path("whole"))
    let parts = folder.path("parts")
    let begun = try SlateProgram.trainTiny("--dvae-steps", "2", "--steps", "\(stop)", out: parts)
    let resumed = try SlateProgram.run("train", "--resume", parts, "--steps", "5", "--workers", "2")
    #expect(
      whole.status == 0 && begun.status == 0 && resumed.status == 0,
      "\(whole.errors) \(begun.errors) \(resumed.errors)")
    #expect(try folder.checkpointTensors("whole") == folder.checkpointTensors("parts"))
  }

  @Test("slots are trained on the likeliest tokens where the dVAE is trained first")
  func likeliestTokens() throws {
    let drawn = try RunConfiguration.tiny()
    let likeliest = try RunConfiguration.tiny { $0.dvaeSteps = 5 }
    var (first, second) = (Philox(seed: 4), Philox(seed: 4))
    #expect(drawn.noise(batch: 2, using: &first).gumbelHard.scalars.contains { $0 != 0 })
    #expect(likeliest.noise(batch: 2, using: &second).gumbelHard.scalars.allSatisfy { $0 == 0 })
  }

  @Test("the n-application variant is n - 1 iterations and one differentiated application")
  func lastIsDifferentiated() throws {
    let last = try gradients(
      RunConfiguration.tiny {
        $0.iterations = 4
        $0.lastIsDifferentiated = true
      })
    let more = try gradients(RunConfiguration.tiny { $0.iterations = 3 })
    let other = try gradients(RunConfiguration.tiny { $0.iterations = 4 })
    #expect(last == more)
    #expect(last != other)
    // Truncated unrolling records the last application of the four as well.
    let truncated = try gradients(
      RunConfiguration.tiny {
        $0.iterations = 4
        if let choice = GradientChoice("unrolled:1") { $0.gradient = choice }
      })
    for (name, gradient) in last {
      let expected = try #require(truncated[name], "\(name)")
      for (a, b) in zip(gradient, expected) {
        #expect(abs(a - b) <= 1e-9 * (1 + abs(b)), "\(name)")
      }
    }
  }

  @Test("two batches of four are one batch of eight, bit by bit")
  func accumulation() throws {
    let folder = try TemporaryFolder()
    let options = ["--steps", "3", "--dropout", "0.2", "--clip", "1"]
    let whole = try SlateProgram.trainTiny(
      options + ["--batch-size", "8", "--workers", "2"], out: folder.path("whole"))
    // A batch of eight is divided among two workers as the two batches are.
    let parts = try SlateProgram.trainTiny(
      options + ["--batch-size", "4", "--accumulate", "2", "--workers", "1"],
      out: folder.path("parts"))
    #expect(whole.status == 0 && parts.status == 0, "\(whole.errors) \(parts.errors)")
    #expect(try folder.checkpointTensors("whole") == folder.checkpointTensors("parts"))
  }
}
