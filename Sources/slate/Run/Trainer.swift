import Foundation
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// One training run of SLATE in memory: model, optimiser and counters.
struct Trainer {
  let configuration: RunConfiguration
  let loader: BatchLoader
  private(set) var model: SLATE
  private(set) var optimizer = Adam()
  private(set) var progress = Progress()
  private let streams: RandomStreams
  private let parameters: [NamedParameter]
  private var batches: BatchSequence

  /// How far a run has come: with the seed, all that decides what it does next.
  struct Progress: Codable, Equatable {
    /// The steps taken.
    var step = 0
    /// The epoch that batches are taken from.
    var epoch = 0
    /// The images of the epoch's order that are used up.
    var position = 0
    /// The decay of the learning rates, if it is on.
    var plateau: PlateauDecay?
    /// Seconds of training so far.
    var seconds = 0.0
  }

  /// A run before its first step.
  ///
  /// - Throws: `RunError` when the data set has fewer training images than a batch.
  init(_ configuration: RunConfiguration, loader: BatchLoader) throws {
    self.configuration = configuration
    self.loader = loader
    streams = RandomStreams(seed: configuration.seed)
    var weights = streams.weights
    model = SLATE(configuration.model, using: &weights)
    configuration.apply(to: &model)
    parameters = model.namedParameters
    progress.plateau =
      configuration.patience > 0 ? PlateauDecay(patience: configuration.patience) : nil
    guard loader.batchesPerEpoch > 0 else {
      let count = loader.data.count(of: .train)
      throw RunError(
        path: loader.data.description,
        reason: "its training part has \(count) images, fewer than a batch",
        remedy: "choose a --batch-size of at most \(count)")
    }
    batches = loader.epoch(0)
  }

  /// A run continued from its checkpoint: what follows is bitwise what would have followed.
  init(resuming run: LoadedRun, configuration: RunConfiguration, loader: BatchLoader) throws {
    try self.init(configuration, loader: loader)
    try run.checkpoint.restore(model)
    optimizer = try run.checkpoint.optimizer(for: model)
    progress = run.state.progress
    if configuration.patience == 0 { progress.plateau = nil }
    batches = loader.epoch(progress.epoch, from: progress.position)
  }

  /// The number of steps in an epoch; what does not fill a batch is left out.
  var stepsPerEpoch: Int { max(1, loader.batchesPerEpoch / configuration.accumulate) }

  /// The temperature of the relaxed tokens now.
  var temperature: Double { configuration.temperature(at: progress.step) }

  /// What a step measured.
  struct Record {
    /// The number of steps taken, this one included.
    var step: Int
    var crossEntropy: Double
    var mse: Double
    var tau: Double
    /// The infinity norm of the gradient before clipping.
    var gradientNorm: Double
    var rates: (dvae: Double, main: Double)
    /// Seconds that the step waited for images.
    var secondsWaited: Double
    /// What was found at the slots' fixed point, where it was looked at.
    var probe: ProbeMeasurement?

    var loss: Double { crossEntropy + mse }
  }

  /// One step: the gradient of one batch, or the mean gradient of several, and one update.
  ///
  /// - Throws: `NonFiniteLoss`, before any parameter is changed, when loss or gradient is not
  ///   finite; `DatasetError` when too many images cannot be read.
  mutating func advance() throws -> Record {
    var (crossEntropy, mse, waited) = (0.0, 0.0, 0.0)
    var table = Gradients()
    var probe: ProbeMeasurement?
    let share = 1 / Double(configuration.batchSize * configuration.accumulate)
    for part in 0..<configuration.accumulate {
      let (images, seconds) = try nextBatch()
      waited += seconds
      let noise = streams.noise(step: progress.step).substream(UInt64(part))
      if part == 0, probeIsDue {
        probe = try GradientProbe(model: model, configuration: configuration)
          .measure(images, temperature: temperature, noise: noise.substream(0))
      }
      let sums = try differentiate(images, share: share, noise: noise)
      for sum in sums {
        crossEntropy += sum.crossEntropy * share
        mse += sum.squaredError * share
        table.add(sum.gradients)
      }
    }
    let norm = GradientNorm(of: parameters, in: table)
    let decay = progress.plateau?.factor ?? 1
    let warmup = LinearWarmup(steps: configuration.lrWarmupSteps).factor(at: progress.step)
    let rates = (dvae: configuration.lrDvae * decay, main: configuration.lrMain * decay * warmup)
    let record = Record(
      step: progress.step + 1, crossEntropy: crossEntropy, mse: mse, tau: temperature,
      gradientNorm: norm.infinity, rates: rates, secondsWaited: waited, probe: probe)
    guard record.loss.isFinite, norm.infinity.isFinite else {
      throw NonFiniteLoss(record: record, gradient: norm.firstNonFinite)
    }
    optimizer.step(
      parameters, gradients: table,
      scale: configuration.clip > 0 ? norm.clippingFactor(bound: configuration.clip) : 1
    ) { $0.hasPrefix("dvae.") ? rates.dvae : rates.main }
    progress.step += 1
    return record
  }

  private var probeIsDue: Bool {
    configuration.probeEvery > 0 && progress.step % configuration.probeEvery == 0
  }

  /// Takes note of a validation at the end of an epoch.
  mutating func observe(validationLoss: Double) {
    progress.plateau?.observe(validationLoss)
  }

  /// Adds to the time that training has taken.
  mutating func setSeconds(_ seconds: Double) { progress.seconds = seconds }

  /// Sums of losses, and gradients, of the parts of a batch.
  ///
  /// Each worker differentiates its part on a tape of its own; the caller adds in their order.
  private func differentiate(
    _ images: Tensor, share: Double, noise: Philox
  ) throws -> [(crossEntropy: Double, squaredError: Double, gradients: Gradients)] {
    let (model, configuration, temperature) = (model, configuration, temperature)
    return try Workers.mapRanges(of: images.shape[0]) { range in
      var draws = noise.substream(0).startingAtSample(range.lowerBound)
      var dropout: Philox? = noise.substream(1).startingAtSample(range.lowerBound)
      let losses = try model.losses(
        of: images.slice(range),
        noise: SLATE.Noise(batch: range.count, configuration.model, using: &draws),
        temperature: temperature, hard: configuration.hard, dropout: &dropout)
      let loss = (losses.squaredError + losses.crossEntropy) * share
      return (
        losses.crossEntropy.scalar, losses.squaredError.scalar, try gradients(of: loss)
      )
    }
  }

  /// The next batch, of the next epoch where this one is used up, and the seconds it was waited for.
  private mutating func nextBatch() throws -> (images: Tensor, seconds: Double) {
    let before = batches.secondsWaited
    if let batch = try batches.next() {
      progress.position = batch.endPosition
      return (batch.images, batches.secondsWaited - before)
    }
    progress.epoch += 1
    progress.position = 0
    batches = loader.epoch(progress.epoch)
    guard let batch = try batches.next() else {
      throw RunError(
        path: loader.data.description, reason: "no batch can be filled with readable images",
        remedy: "repair the files that the warnings name, or choose a smaller --batch-size")
    }
    progress.position = batch.endPosition
    return (batch.images, batches.secondsWaited)
  }
}

extension RunConfiguration {
  /// The temperature of the relaxed tokens after a number of steps.
  func temperature(at step: Int) -> Double {
    CosineAnnealing(from: tauStart, to: tauFinal, steps: tauSteps).value(at: step)
  }
}

/// Training has reached NaN or infinity.
struct NonFiniteLoss: Error, CustomStringConvertible {
  let record: Trainer.Record
  let gradient: String?

  var description: String {
    let culprit = gradient.map { "; the first gradient that is not finite is that of \($0)" } ?? ""
    return "step \(record.step): the loss is not finite (cross-entropy \(record.crossEntropy), mse "
      + "\(record.mse))\(culprit); nothing was changed by this step and the last checkpoint is "
      + "whole: resume the run with a lower --lr-main or --lr-dvae, or with --clip 1"
  }
}
