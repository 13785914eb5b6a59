import Collectives
import Foundation
import Images
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// A training run in progress: steps, validations, and the files in the run's folder.
///
/// With several ranks, all of them take the steps, and only rank 0 has a folder and writes.
struct TrainingSession {
  private var trainer: Trainer
  /// The folder of the run; nil on all ranks except rank 0.
  private let held: HeldRun?
  private let data: DataSource
  private let fingerprint: String
  private let validationImages: EvaluationImages
  private let trainingImages: EvaluationImages
  private var logs: RunLogs?
  private var display: ProgressDisplay
  private var times = StepTimes()
  private var busyMachine = BusyMachine()
  private let machine = MachineRecord()
  private let start = ContinuousClock.now
  private let secondsBefore: Double
  private let keepsScores: Bool

  /// The number of images in reconstructions.png.
  private static let pictured = 6

  /// A session that begins or continues the run of `trainer`.
  ///
  /// - Parameters:
  ///   - trainer: the run in memory.
  ///   - data: the source of its images.
  ///   - tolerance: the number of unreadable images of a part for which there is only a warning.
  ///   - keepsScores: whether measurements in the folder are those of the model, its configuration
  ///     and its images as they are now; default false.
  ///   - held: returns the run's folder; called on rank 0 when everything else is known to be in
  ///     order.
  /// - Throws: an error that names the file which cannot be read or written.
  init(
    _ trainer: Trainer, data: DataSource, tolerance: Int, keepsScores: Bool = false,
    held: () throws -> HeldRun?
  ) throws {
    let (configuration, images) = (trainer.configuration, trainer.loader.data)
    self.trainer = trainer
    self.data = data
    self.keepsScores = keepsScores
    let ranks = trainer.ranks
    (validationImages, trainingImages) = try ranks.together {
      (
        try EvaluationImages(
          images, .validation, limit: configuration.valImages, tolerance: tolerance),
        try EvaluationImages(
          images, .train, limit: TrainingSession.pictured, tolerance: tolerance)
      )
    }
    fingerprint = images.fingerprint
    try ranks.expectEqual(
      fingerprint, what: "the fingerprint of \(images.description)",
      remedy: "give all machines the same images")
    try ranks.expectEqual(
      configuration.json(), what: "the configuration",
      remedy: "start all ranks with the same arguments, files and build")
    try ranks.expectEqual(
      "\(trainer.progress.step)", what: "the step to go on from",
      remedy: "give all machines the same checkpoint")
    try DataParallel(ranks).compare(trainer.model.namedParameters)
    secondsBefore = trainer.progress.seconds
    self.held = try ranks.together {
      guard ranks.rank == 0, let held = try held() else { return nil }
      // Damage is found before anything of the run is replaced.
      _ = try MetricsLog(held.folder.metrics)
      return held
    }
    display = ProgressDisplay(from: trainer.progress.step, to: configuration.steps)
  }

  /// Trains to the last step, or until a signal asks to stop.
  mutating func run() throws {
    let signal = StopSignal()
    // Before the checkpoint is written, so that no crash leaves scores of another model.
    if !keepsScores || trainer.progress.step < trainer.configuration.steps {
      folder?.removeScores()
    }
    try save()
    try openLogs()
    try writeDescriptions()
    announce()
    if let slowness = machine.slowness { Console.warn(slowness) }
    let configuration = trainer.configuration
    if configuration.dvaeSteps >= configuration.steps, configuration.steps > 0 {
      Console.warn(
        "all \(configuration.steps) steps train the dVAE alone, and slots stay untrained: give more "
          + "--steps, or fewer --dvae-steps than \(configuration.dvaeSteps)")
    }
    let isComplete: Bool
    do {
      isComplete = try train(until: signal)
    } catch let error where !(error is NotFinite || error is RankFailure) {
      // The steps since the last checkpoint must not be lost because a log cannot be written, or an image
      // no longer be read. The other ranks do not know about it; they are ended together with this
      // one, unlike for what they were told.
      saveBeforeEnding()
      throw error
    }
    finish()
    if isComplete {
      try drawIfMissing()
      try warnOfRegions()
      Console.tell("wrote \(place): checkpoint, metrics and reconstructions.png")
      return
    }
    try save()
    Console.tell(
      "stopped after step \(trainer.progress.step); go on with: slate train --resume "
        + place.quotedForShell)
  }

  /// Writes the checkpoint because training ends by an error, and says how to go on.
  private mutating func saveBeforeEnding() {
    guard folder != nil, (try? write()) != nil else { return }
    display.finish()
    Console.warn(
      "saved after step \(trainer.progress.step); when what follows is mended, go on with: slate train "
        + "--resume \(place.quotedForShell)")
  }

  /// Opens the logs, on rank 0, without the lines of later steps.
  ///
  /// The checkpoint is that of this step by now. Were they cut off before, a run that goes on from an
  /// earlier checkpoint and is killed in between would have a later one whose lines are gone.
  private mutating func openLogs() throws {
    // Before the first validation, the log has no content yet.
    let last = trainer.progress.validated == nil ? nil : trainer.progress.step
    logs = try trainer.ranks.together { try folder.map { try RunLogs($0, resumingAt: last) } }
  }

  /// Takes steps and validations until a signal asks to stop.
  ///
  /// - Returns: whether the last step and its validation were made.
  private mutating func train(until signal: StopSignal) throws -> Bool {
    // A signal may reach the ranks at different steps, or only one of them.
    while !trainer.ranks.any(signal.isReceived) {
      if validationIsDue {
        do {
          try validate { signal.isReceived }
        } catch is Evaluation.Stopped {
          return false
        }
      }
      guard trainer.progress.step < trainer.configuration.steps else { return true }
      let record = try trainer.advance()
      let seconds = seconds
      try logs?.append(record, seconds: seconds)
      times.add(record.times)
      display.show(record)
      let threads = min(
        Workers.count, trainer.ranks.share(of: trainer.configuration.batchSize).count)
      if let busy = busyMachine.add(record.times, threads: threads) { Console.warn(busy) }
    }
    return false
  }

  /// Draws the picture of a run that needed no validation, if it does not exist yet.
  private func drawIfMissing() throws {
    guard let folder, !FileManager.default.fileExists(atPath: folder.reconstructions.path) else {
      return
    }
    try Evaluation(
      model: trainer.model, configuration: trainer.configuration, images: validationImages
    ).sheet(of: TrainingSession.pictured).write(to: folder.reconstructions)
  }

  /// Warns, on rank 0, when slots are regions, which losses do not tell.
  private func warnOfRegions() throws {
    let configuration = trainer.configuration
    guard folder != nil,
      trainer.progress.step - configuration.dvaeSteps >= RegionShare.stepsUntilObjects
    else { return }
    let share = try Evaluation(
      model: trainer.model, configuration: configuration, images: validationImages
    ).regionShare()
    if let warning = share?.warning { Console.warn(warning) }
  }

  /// Ends the display, and prints where the time of the steps went.
  private func finish() {
    display.finish()
    if let summary = times.summary { Console.tell(summary) }
  }

  /// Whether a validation is due: every `valEvery` steps or every epoch, at the end, and whenever
  /// the learning rates need one.
  private var validationIsDue: Bool {
    let (step, epoch) = (trainer.progress.step, trainer.stepsPerEpoch)
    guard trainer.progress.validated != step else { return false }
    let interval = trainer.configuration.valEvery > 0 ? trainer.configuration.valEvery : epoch
    return step % interval == 0 || step == trainer.configuration.steps
      || (trainer.progress.plateau != nil && step % epoch == 0)
  }

  private func announce() {
    let (configuration, images) = (trainer.configuration, trainer.loader.data)
    let size = configuration.imageSize
    Console.tell(
      "\(images.description): \(images.count(of: .train)) training images of \(size) x \(size)")
    Console.tell(
      "\(trainer.model.parameterCount) parameters, gradient \(configuration.gradient), "
        + "\(configuration.iterations) iterations, \(Workers.count) workers"
        + (trainer.ranks.size > 1 ? " on each of \(trainer.ranks.size) ranks" : ""))
    Console.tell(
      "\(machine.facts.processor), OpenBLAS with kernels for \(machine.facts.openBLASKernels)")
    Console.tell(
      trainer.progress.step == 0
        ? "run \(place)" : "run \(place), continued after step \(trainer.progress.step)")
    if trainer.progress.step > configuration.steps {
      Console.tell("it has already more steps than the \(configuration.steps) that were asked for")
    }
  }

  private var folder: RunFolder? { held?.folder }

  private var place: String { folder?.url.relativePath ?? "" }

  private var seconds: Double {
    secondsBefore + (start.duration(to: .now) / .milliseconds(1)).rounded() / 1000
  }

  /// Measures the validation images, then saves checkpoint and picture.
  ///
  /// - Throws: `Evaluation.Stopped` when `isStopped` says so before the images are measured.
  ///   Nothing is recorded then, and the resumed run measures them first.
  private mutating func validate(until isStopped: @escaping @Sendable () -> Bool) throws {
    let (configuration, step) = (trainer.configuration, trainer.progress.step)
    let evaluation = Evaluation(
      model: trainer.model, configuration: configuration, images: validationImages)
    var stoppable = evaluation
    stoppable.ranks = trainer.ranks
    stoppable.isStopped = isStopped
    let losses = try stoppable.losses(temperature: trainer.temperature)
    try trainer.observe(losses)
    let (best, seconds) = (trainer.progress.bestLoss, seconds)
    try logs?.append(losses, best: best, step: step, seconds: seconds)
    Console.tell(
      "validation at step \(step): cross-entropy \(losses.crossEntropy.short), mse "
        + "\(losses.mse.short)")
    try save()
    guard let folder else { return }
    let sheet = try evaluation.sheet(of: TrainingSession.pictured)
    try sheet.write(to: folder.reconstructions)
    let seenInTraining = try Evaluation(
      model: trainer.model, configuration: configuration, images: trainingImages
    ).sheet(of: TrainingSession.pictured)
    let epoch = step / trainer.stepsPerEpoch
    try logs?.append(seenInTraining, tag: "TRAIN_recon", epoch: epoch, step: step)
    try logs?.append(sheet, tag: "VAL_recon", epoch: epoch, step: step)
  }

  /// Writes the checkpoint, on rank 0.
  private mutating func save() throws {
    try trainer.expectFiniteParametersOfAllRanks()
    try write()
  }

  /// Writes the checkpoint without asking the other ranks.
  private mutating func write() throws {
    try trainer.expectFiniteParameters()
    trainer.setSeconds(seconds)
    guard let folder else { return }
    let state = RunState(
      progress: trainer.progress, configuration: trainer.configuration, data: data,
      fingerprint: fingerprint)
    try Checkpoint(
      of: trainer.model, optimizer: trainer.optimizer, metadata: state.metadata
    ).write(to: folder.checkpoint)
  }

  /// Writes config.json and run.json, on rank 0.
  private func writeDescriptions() throws {
    guard let folder else { return }
    try folder.write(trainer.configuration.json(), to: folder.configuration)
    let record = RunRecord(
      trainer.configuration, data: data, images: trainer.loader.data, fingerprint: fingerprint,
      machine: machine, ranks: trainer.ranks.size)
    try folder.write(record.json(), to: folder.record)
  }
}
