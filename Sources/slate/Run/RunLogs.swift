import Foundation
import Images
import Training

/// The logs of a run: metrics.jsonl, and event files for TensorBoard with the published tags.
struct RunLogs {
  private var metrics: MetricsLog
  private let events: EventFile

  /// Opens the logs of a run.
  ///
  /// - Parameters:
  ///   - folder: the folder of the run.
  ///   - step: the last step before the run continues; nil if it has still to measure step 0.
  /// - Throws: `LogError` naming the file that cannot be written.
  init(_ folder: RunFolder, resumingAt step: Int?) throws {
    metrics = try MetricsLog(folder.metrics, keepingStepsUpTo: step ?? -1)
    events = try EventFile(inFolder: folder.url, resumingAt: step.map { $0 + 1 })
  }

  /// Writes the measurements of a training step.
  mutating func append(_ record: Trainer.Record, seconds: Double) throws {
    let losses = [("cross_entropy", record.crossEntropy), ("mse", record.mse)].compactMap { loss in
      loss.1.map { (loss.0, $0) }
    }
    let slots =
      [("gradient_norm", record.gradientNorm)]
      + (record.slotGradientNorm.map { [("slot_gradient_norm", $0)] } ?? [])
      + (record.probe.map(values) ?? [])
    try metrics.append(
      [
        ("step", .integer(record.step)), ("loss", .number(record.loss)),
      ] + losses.map { ($0.0, .number($0.1)) } + [
        ("tau", .number(record.tau)), ("lr_dvae", .number(record.rates.dvae)),
        ("lr_main", .number(record.rates.main)),
      ] + slots.map { ($0.0, .number($0.1)) } + [
        ("seconds_step", .number(record.times.step)),
        ("seconds_waited", .number(record.times.waited)),
        ("seconds_decoding", .number(record.times.decoding)), ("seconds", .number(seconds)),
      ])
    try events.append(
      scalars: [
        ("TRAIN/loss", record.loss), ("TRAIN/tau", record.tau),
        ("TRAIN/lr_dvae", record.rates.dvae), ("TRAIN/lr_main", record.rates.main),
      ] + losses.map { ("TRAIN/" + $0.0, $0.1) } + slots.map { ("SLOTS/" + $0.0, $0.1) },
      step: record.step)
  }

  private func values(_ probe: ProbeMeasurement) -> [(String, Double)] {
    [
      ("jacobian_spectral_norm", probe.spectralNorm), ("relative_residual", probe.relativeResidual),
      ("iterations", probe.iterations), ("adjoint_cosine", probe.cosine),
      ("adjoint_norm_ratio", probe.normRatio), ("probe_seconds", probe.seconds),
    ]
  }

  /// Writes the results of a validation.
  mutating func append(
    _ losses: Evaluation.Losses, best: Double?, step: Int, seconds: Double
  ) throws {
    try metrics.append([
      ("step", .integer(step)), ("val_cross_entropy", .number(losses.crossEntropy)),
      ("val_mse", .number(losses.mse)), ("val_mse_hard", .number(losses.hardMse)),
      ("seconds", .number(seconds)),
    ])
    // The published code validates with one-hot tokens, and calls the other ones relaxed; the
    // cross-entropy is the same for both.
    let entropy = losses.crossEntropy
    try events.append(
      scalars: [
        ("VAL/loss", losses.published), ("VAL/cross_entropy", entropy),
        ("VAL/mse", losses.hardMse), ("VAL/loss_relax", entropy + losses.mse),
        ("VAL/cross_entropy_relax", entropy), ("VAL/mse_relax", losses.mse),
      ] + (best.map { [("VAL/best_loss", $0)] } ?? []), step: step)
  }

  /// Writes a picture of reconstructions.
  func append(_ sheet: Image, tag: String, epoch: Int, step: Int) throws {
    let number = String(epoch)
    let padded = String(repeating: "0", count: max(0, 3 - number.count)) + number
    try events.append(
      image: sheet.pngData(), width: sheet.width, height: sheet.height,
      tag: "\(tag)/epoch=\(padded)", step: step)
  }
}
