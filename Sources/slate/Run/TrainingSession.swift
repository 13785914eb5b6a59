import Foundation
import Images
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// A training run at work: steps, validations, and what they leave in the run's folder.
struct TrainingSession {
  private var trainer: Trainer
  private let folder: RunFolder
  private let data: DataSource
  private var logs: RunLogs
  private var display: ProgressDisplay
  private let start = ContinuousClock.now
  private let secondsBefore: Double

  /// The number of images in reconstructions.png.
  private static let pictured = 6

  /// A session that continues `trainer` in a folder.
  ///
  /// - Throws: an error that names the file which cannot be written.
  init(_ trainer: Trainer, folder: RunFolder, data: DataSource) throws {
    self.trainer = trainer
    self.folder = folder
    self.data = data
    secondsBefore = trainer.progress.seconds
    logs = try RunLogs(folder, resumingAt: trainer.progress.step)
    display = ProgressDisplay(from: trainer.progress.step, to: trainer.configuration.steps)
  }

  /// Trains to the last step, or until a signal asks to stop.
  mutating func run() throws {
    let configuration = trainer.configuration
    let signal = StopSignal()
    try save()
    try configuration.json().write(to: folder.configuration, atomically: true, encoding: .utf8)
    announce()
    if trainer.progress.step == 0 { try validate() }
    while trainer.progress.step < configuration.steps {
      let record = try trainer.advance()
      try logs.append(record, seconds: seconds)
      display.show(record)
      if signal.isReceived {
        try save()
        display.finish()
        print("stopped after step \(record.step); go on with: slate train --resume \(place)")
        return
      }
      if validationIsDue { try validate() }
    }
    display.finish()
    print("wrote \(place): checkpoint, metrics and reconstructions.png")
  }

  /// Every `valEvery` steps or every epoch, at the end, and where the learning rates ask for it.
  private var validationIsDue: Bool {
    let (step, epoch) = (trainer.progress.step, trainer.stepsPerEpoch)
    let interval = trainer.configuration.valEvery > 0 ? trainer.configuration.valEvery : epoch
    return step % interval == 0 || step == trainer.configuration.steps
      || (trainer.progress.plateau != nil && step % epoch == 0)
  }

  private func announce() {
    let (configuration, images) = (trainer.configuration, trainer.loader.data)
    let size = configuration.imageSize
    display.note(
      "\(images.description): \(images.count(of: .train)) training images of \(size) x \(size)")
    display.note(
      "\(trainer.model.parameterCount) parameters, gradient \(configuration.gradient), "
        + "\(configuration.iterations) iterations, \(Workers.count) workers")
    display.note(
      trainer.progress.step == 0
        ? "run \(place)" : "run \(place), continued after step \(trainer.progress.step)")
  }

  private var place: String { folder.url.relativePath }

  private var seconds: Double {
    secondsBefore + (start.duration(to: .now) / .milliseconds(1)).rounded() / 1000
  }

  /// Measures the validation images, then saves checkpoint and picture.
  private mutating func validate() throws {
    let evaluation = Evaluation(
      model: trainer.model, configuration: trainer.configuration, dataset: trainer.loader.data,
      split: .validation)
    let losses = try evaluation.losses(temperature: trainer.temperature)
    let step = trainer.progress.step
    if step > 0, step % trainer.stepsPerEpoch == 0 {
      trainer.observe(validationLoss: losses.crossEntropy + losses.mse)
    }
    try logs.append(losses, best: trainer.progress.plateau?.best, step: step, seconds: seconds)
    display.note(
      "validation at step \(step): cross-entropy \(losses.crossEntropy.short), mse "
        + "\(losses.mse.short)")
    try save()
    let shown = 0..<min(TrainingSession.pictured, evaluation.count)
    let sheet = try reconstructionSheet(
      trainer.model, images: trainer.loader.data.batch(shown, of: .validation),
      slotNoise: evaluation.slotNoise(shown))
    try sheet.write(to: folder.reconstructions)
    try logs.append(sheet, tag: "VAL_recon", epoch: trainer.progress.epoch, step: step)
  }

  /// Writes the checkpoint.
  private mutating func save() throws {
    trainer.setSeconds(seconds)
    let state = RunState(
      progress: trainer.progress, configuration: trainer.configuration, data: data)
    try Checkpoint(
      of: trainer.model, optimizer: trainer.optimizer, metadata: state.metadata
    ).write(to: folder.checkpoint)
  }
}
