import Collectives
import DataLoading
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
  private(set) var progress: Progress
  /// The processes that take the steps together; each gets its part of every batch.
  let ranks: Communicator
  private var parallel: DataParallel
  private let streams: RandomStreams
  private let parameters: [NamedParameter]
  private let batches: BatchSequence
  /// The seconds of decoding that earlier steps have accounted for.
  private var decodingSeen = 0.0

  /// The progress of a run.
  ///
  /// Together with the seed, it determines everything that follows.
  struct Progress: Codable, Equatable {
    /// The number of steps taken.
    var step = 0
    /// The epoch from which batches are taken.
    var epoch = 0
    /// The number of images of the epoch's order that have been used.
    var position = 0
    /// The number of these images that could not be read; nil in runs of earlier versions, which did not
    /// count them.
    var unreadable: Int? = 0
    /// The decay of the learning rates, if it is on.
    var plateau: PlateauDecay?
    /// The step after which the validation images were last measured.
    var validated: Int?
    /// The smallest validation loss so far.
    var bestLoss: Double?
    /// The seconds of training so far.
    var seconds = 0.0
  }

  /// A run before its first step.
  ///
  /// - Throws: `RunError` when the data set has fewer training images than a batch.
  init(
    _ configuration: RunConfiguration, loader: BatchLoader, ranks: Communicator = .alone
  ) throws {
    var progress = Progress()
    if configuration.patience > 0 {
      progress.plateau = PlateauDecay(patience: configuration.patience)
    }
    try self.init(configuration, loader: loader, ranks: ranks, progress: progress)
  }

  /// A run that continues from its checkpoint.
  ///
  /// With the same number of ranks and workers, it is bitwise the same as without the interruption;
  /// otherwise it differs by the order of sums.
  ///
  /// If the data set has fewer images than the epoch had used, the next epoch begins.
  init(
    resuming run: LoadedRun, configuration: RunConfiguration, loader: BatchLoader,
    ranks: Communicator = .alone
  ) throws {
    var progress = run.state.progress
    if configuration.patience == 0 {
      progress.plateau = nil
    } else if progress.plateau == nil {
      progress.plateau = PlateauDecay(patience: configuration.patience)
    } else {
      progress.plateau?.patience = configuration.patience
    }
    if progress.position > loader.data.count(of: loader.split) {
      progress.epoch += 1
      (progress.position, progress.unreadable) = (0, 0)
    }
    try self.init(configuration, loader: loader, ranks: ranks, progress: progress)
    try run.checkpoint.restore(model)
    try run.checkpoint.restore(&optimizer, for: model)
    // Parameters that other options train from here on have no moments, or old ones.
    let trained = run.state.configuration.trainedPart(at: max(0, progress.step - 1))
    if configuration.trainedPart(at: progress.step) != trained { optimizer = Adam() }
  }

  private init(
    _ configuration: RunConfiguration, loader: BatchLoader, ranks: Communicator, progress: Progress
  ) throws {
    guard loader.batchesPerEpoch > 0 else {
      let count = loader.data.count(of: .train)
      throw RunError(
        path: loader.data.description,
        reason: "its training part has \(count) \(count == 1 ? "image" : "images"), fewer than a "
          + "batch of \(loader.batchSize)",
        remedy: count == 0
          ? "provide more images" : "choose a --batch-size of at most \(count)")
    }
    guard loader.batchSize >= ranks.size else {
      throw RunError(
        path: "--batch-size \(loader.batchSize)",
        reason: "\(ranks.size) ranks cannot share so few images",
        remedy: "choose at least \(ranks.size), or start fewer ranks")
    }
    self.configuration = configuration
    self.loader = loader
    self.ranks = ranks
    parallel = DataParallel(ranks)
    self.progress = progress
    streams = RandomStreams(seed: configuration.seed)
    var weights = streams.weights
    model = SLATE(configuration.model, using: &weights)
    configuration.apply(to: &model)
    parameters = model.namedParameters
    batches =
      ranks.size > 1
      ? loader.epochs(
        from: progress.epoch, position: progress.position, unreadable: progress.unreadable ?? 0,
        share: BatchShare(ranks))
      : loader.epoch(
        progress.epoch, from: progress.position, unreadable: progress.unreadable ?? 0,
        goingOn: true)
  }

  /// The number of steps in an epoch; images that do not fill a batch are left out.
  var stepsPerEpoch: Int { configuration.stepsPerEpoch(of: loader) }

  /// The present temperature of the relaxed tokens.
  var temperature: Double { configuration.temperature(at: progress.step) }

  /// The measurements of a step.
  struct Record {
    /// The number of steps taken, including this one.
    var step: Int
    /// The cross-entropy; nil if only the dVAE is trained.
    var crossEntropy: Double?
    /// The squared error of the dVAE; nil if the dVAE is not trained any more.
    var mse: Double?
    var tau: Double
    /// The infinity norm of the gradient before clipping.
    var gradientNorm: Double
    /// The infinity norm for slot attention's parameters alone; nil if only the dVAE is trained.
    var slotGradientNorm: Double?
    var rates: (dvae: Double, main: Double)
    var times: Times
    /// The measurements at the slots' fixed point; nil if this step made none.
    var probe: ProbeMeasurement?

    var loss: Double { (crossEntropy ?? 0) + (mse ?? 0) }
  }

  /// Where the seconds of a step went.
  struct Times {
    /// The duration from its beginning to its end.
    var step = 0.0
    /// The part of the duration in which images had not been decoded yet; 0 if decoding is never
    /// the bottleneck.
    var waited = 0.0
    /// The processor time of decoding meanwhile, summed over its threads; almost none for images
    /// that are kept in memory.
    var decoding = 0.0
    /// The processor time that all threads took meanwhile, without that of decoding.
    var processor = 0.0
  }

  /// Takes one step: it computes the gradient of one batch, or the mean gradient of several, and
  /// updates the parameters.
  ///
  /// With several ranks, each differentiates its part of the batch, and all take the step with the
  /// sum; the record describes the whole batch.
  ///
  /// - Throws: `NotFinite`, before any parameter is changed, when the loss or the gradient is not
  ///   finite; `UnreadableImages` when too many images cannot be read. With several ranks, all of
  ///   them throw `RankFailure` for an error of any other, and `RanksDiffer` when their models
  ///   differ.
  mutating func advance() throws -> Record {
    let former = progress
    do {
      return try takeStep()
    } catch {
      // The images of a step that was not made are not used up.
      if progress.step == former.step { progress = former }
      throw error
    }
  }

  private mutating func takeStep() throws -> Record {
    let start = ContinuousClock.now
    let before = clock()
    var record = Record(
      step: progress.step + 1, tau: temperature, gradientNorm: 0, rates: rates, times: Times())
    // With several ranks, taking a batch is a collective operation, which must not be called while
    // gradients are computed.
    let taken =
      ranks.size > 1
      ? try (0..<configuration.accumulate).map { _ in try nextBatch(&record.times) } : []
    let trained = configuration.trainedPart(at: progress.step)
    let together = parallel
    let sums = try together.sum(of: parameters, numbers: 2) {
      try accumulatedGradients(of: taken, &record)
    }
    let table = sums.gradients
    record.crossEntropy = trained == .autoencoder ? nil : sums.numbers[0]
    record.mse = trained == .slots ? nil : sums.numbers[1]
    let norm = GradientNorm(of: parameters, in: table)
    record.gradientNorm = norm.infinity
    if record.crossEntropy != nil {
      record.slotGradientNorm =
        GradientNorm(
          of: parameters.filter { $0.name.hasPrefix("slot_attn.slot_attention.") }, in: table
        ).infinity
    }
    guard record.loss.isFinite, norm.infinity.isFinite else {
      try expectFiniteParametersOfAllRanks()
      throw NotFinite(
        step: record.step,
        tensor: norm.firstNonFinite.map { "the gradient of \($0)" } ?? "the loss",
        crossEntropy: record.crossEntropy, mse: record.mse, ranks: ranksNotFinite(sums))
    }
    let rates = record.rates
    // From now on the dVAE does not change, and the moments of the other parameters are counted
    // from here.
    if progress.step == configuration.dvaeSteps { optimizer = Adam() }
    optimizer.step(
      parameters, gradients: table,
      scale: configuration.clip > 0 ? norm.clippingFactor(bound: configuration.clip) : 1
    ) { $0.hasPrefix("dvae.") ? rates.dvae : rates.main }
    progress.step += 1
    try parallel.check(parameters)
    record.times.step = start.duration(to: .now) / .seconds(1)
    record.times.processor =
      Double(clock() - before) / Double(CLOCKS_PER_SEC) - record.times.decoding
    return record
  }

  /// The learning rates of the next step.
  private var rates: (dvae: Double, main: Double) {
    let decay = progress.plateau?.factor ?? 1
    // The parts that are trained after the dVAE have their warm-up at that time.
    let warmup = Schedule.warmup(steps: configuration.lrWarmupSteps)
      .delayed(by: configuration.dvaeSteps)
    return (configuration.lrDvae * decay, configuration.lrMain * decay * warmup(progress.step))
  }

  /// This rank's part of the mean gradient over the batches of a step, and of the cross-entropy and
  /// the squared error.
  ///
  /// The result of the probe is stored in `record`. If no batches are given, each is taken when its
  /// turn comes. Shares are released as they are added, so that the first one becomes the sum
  /// without a copy.
  private mutating func accumulatedGradients(
    of taken: [Tensor], _ record: inout Record
  ) throws -> (Gradients, [Double]) {
    var table = Gradients()
    var losses = [0.0, 0.0]
    let share = 1 / Double(configuration.batchSize * configuration.accumulate)
    let noise = streams.noise(step: progress.step)
    let parts = StepLosses(
      model: model, configuration: configuration, step: progress.step, share: share, noise: noise)
    for part in 0..<configuration.accumulate {
      let images = try taken.isEmpty ? nextBatch(&record.times) : taken[part]
      let first =
        part * configuration.batchSize + ranks.share(of: configuration.batchSize).lowerBound
      do {
        if first == 0, probeIsDue {
          record.probe = try GradientProbe(model: model, configuration: configuration)
            .measure(images, temperature: temperature, noise: noise.substream(0))
        }
        var sums = try parts.sums(over: images, first: first)
        while !sums.isEmpty {
          let sum = sums.removeFirst()
          losses[0] += (sum.crossEntropy ?? 0) * share
          losses[1] += (sum.squaredError ?? 0) * share
          table.add(sum.gradients)
        }
      } catch {
        // If a parameter is not finite, the failed solve is only a consequence, and is not reported.
        try expectFiniteParameters()
        throw error
      }
    }
    return (table, losses)
  }

  /// The ranks whose own part is not finite; empty if only the sum is not finite, or if there is
  /// one rank.
  private func ranksNotFinite(_ sums: DataParallel.Sums) -> [Int] {
    guard ranks.size > 1 else { return [] }
    let isFinite =
      sums.ownNumbers.allSatisfy(\.isFinite)
      && GradientNorm(of: parameters, in: sums.ownGradients).infinity.isFinite
    let flags = ranks.gather([isFinite ? 0 : 1])
    return flags.indices.filter { flags[$0] == [1] }
  }

  /// Skips to the first step that does not train the dVAE.
  mutating func skipAutoencoder() { progress.step = configuration.dvaeSteps }

  private var probeIsDue: Bool {
    configuration.probeEvery > 0
      && configuration.trainedPart(at: progress.step) != .autoencoder
      && progress.step % configuration.probeEvery == 0
  }

  /// Records a validation; at the end of an epoch it may lower the learning rates.
  ///
  /// - Throws: `NotFinite` for a loss that is not finite.
  mutating func observe(_ losses: Evaluation.Losses) throws {
    guard losses.published.isFinite, losses.mse.isFinite else {
      try expectFiniteParametersOfAllRanks()
      throw NotFinite(
        step: progress.step, tensor: "the validation loss", crossEntropy: losses.crossEntropy,
        mse: losses.mse)
    }
    let epochEnds = progress.step > 0 && progress.step % stepsPerEpoch == 0
    if epochEnds, configuration.trainedPart(at: progress.step - 1) != .autoencoder {
      progress.plateau?.observe(losses.published)
    }
    progress.bestLoss = min(progress.bestLoss ?? .infinity, losses.published)
    progress.validated = progress.step
  }

  /// Throws unless every parameter of every rank is finite; all ranks call it.
  ///
  /// - Throws: `NotFinite` naming the first parameter that is not; with several ranks,
  ///   `RankFailure` with the same text.
  func expectFiniteParametersOfAllRanks() throws {
    try ranks.together { try expectFiniteParameters() }
  }

  /// Throws unless every parameter is finite.
  ///
  /// - Throws: `NotFinite` naming the first parameter that is not.
  func expectFiniteParameters() throws {
    let parameters = parameters
    let areFinite = Workers.map(parameters.count) {
      parameters[$0].parameter.tensor.largestMagnitude.isFinite
    }
    if let first = areFinite.firstIndex(of: false) {
      throw NotFinite(step: progress.step, tensor: "the parameter \(parameters[first].name)")
    }
  }

  /// Sets the time of training so far.
  mutating func setSeconds(_ seconds: Double) { progress.seconds = seconds }

  /// This rank's part of the next batch, which is one of the next epoch if the present epoch is
  /// used up.
  private mutating func nextBatch(_ times: inout Times) throws -> Tensor {
    // The ranks agree about which images cannot be read.
    guard ranks.size > 1 else { return try nextBatchOfAnyEpoch(&times) }
    do {
      return try nextBatchOfAnyEpoch(&times)
    } catch {
      throw SharedError(underlying: error)
    }
  }

  private mutating func nextBatchOfAnyEpoch(_ times: inout Times) throws -> Tensor {
    if let images = try nextBatchOfEpoch(&times) { return images }
    progress.epoch += 1
    (progress.position, progress.unreadable) = (0, 0)
    batches.beginNextEpoch()
    guard let images = try nextBatchOfEpoch(&times) else {
      throw RunError(
        path: loader.data.description, reason: "no batch can be filled with readable images",
        remedy: "repair the files that the warnings name, or choose a smaller --batch-size")
    }
    return images
  }

  private mutating func nextBatchOfEpoch(_ times: inout Times) throws -> Tensor? {
    let waited = batches.secondsWaited
    guard let batch = try batches.next() else { return nil }
    times.waited += batches.secondsWaited - waited
    // Decoding continues while a step computes, so its time is counted since the last batch was
    // taken.
    let decoding = batches.secondsDecoding
    times.decoding += decoding - decodingSeen
    decodingSeen = decoding
    (progress.position, progress.unreadable) = (batch.endPosition, batch.unreadable)
    return batch.images
  }
}
