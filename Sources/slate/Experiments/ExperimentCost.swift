import Foundation
import ObjectCentric
import Tensors

/// The expected duration of an experiment, computed from steps that are measured on this machine.
struct ExperimentCost {
  /// The steps of one arm.
  struct Entry {
    let label: String
    let secondsOfStep: Double
    /// The number of runs that are not finished, and of their steps that are left.
    let runs: Int
    let steps: Int
  }

  let entries: [Entry]
  private let parallel: Int

  /// Steps are measured with this number of images of a batch, and their time is scaled up.
  private static let images = 4

  /// Measures a few steps of each arm on generated scenes, with one worker.
  ///
  /// - Parameters:
  ///   - plan: the runs; finished runs cost nothing.
  ///   - parallel: the number of runs at a time.
  /// - Throws: what a step throws.
  init(of plan: ExperimentPlan, parallel: Int) throws {
    self.parallel = parallel
    let before = Workers.count
    Workers.count = 1
    defer { Workers.count = before }
    entries = try plan.arms.enumerated().compactMap { position, arm in
      let left = plan.runs.filter { $0.position == position && !plan.isFinished($0) }
      guard !left.isEmpty, case .training = plan.experiment.work else { return nil }
      let steps = left.reduce(0) {
        $0 + max(0, $1.configuration.steps - (lastStep(of: $1.folder) ?? 0))
      }
      return Entry(
        label: arm.label, secondsOfStep: try ExperimentCost.secondsOfStep(arm.configuration),
        runs: left.count, steps: steps)
    }
  }

  /// The mean time of a step of the run: steps that train only the dVAE take another time than
  /// later ones.
  private static func secondsOfStep(_ configuration: RunConfiguration) throws -> Double {
    var small = configuration
    small.batchSize = min(images, configuration.batchSize)
    small.accumulate = 1
    small.probeEvery = 0
    let loader = BatchLoader(
      GeneratedScenes(imageSize: small.imageSize, training: 4 * images, held: 1),
      batchSize: small.batchSize, seed: 0, dropsLast: true, threads: 1, tolerance: 0,
      warn: Console.warn)
    var trainer = try Trainer(small, loader: loader)
    func secondsOfNextStep() throws -> Double {
      _ = try trainer.advance()
      return try (0..<2).map { _ in try trainer.advance().times.step }.min() ?? 0
    }
    var seconds = try secondsOfNextStep()
    if small.trainedPart(at: 0) == .autoencoder {
      trainer.skipAutoencoder()
      let share = min(1, Double(small.dvaeSteps) / Double(max(1, small.steps)))
      seconds = share * seconds + (1 - share) * (try secondsOfNextStep())
    }
    return seconds * Double(configuration.batchSize * configuration.accumulate)
      / Double(small.batchSize)
  }

  /// The seconds of all training steps of the experiment.
  var seconds: Double {
    entries.reduce(0) { $0 + Double($1.steps) * $1.secondsOfStep } / Double(parallel)
  }

  /// A line for each arm, and the sum.
  var text: String {
    let lines = entries.map { entry in
      "\(entry.label): \(entry.runs) \(entry.runs == 1 ? "run" : "runs"), \(entry.steps) steps of "
        + "\(entry.secondsOfStep.brief) s on one core"
    }
    return
      (lines + [
        "about \(duration(seconds)) for the training steps, with \(parallel) "
          + "\(parallel == 1 ? "run" : "runs") at a time; validations, probes and measurements come "
          + "on top"
      ]).joined(separator: "\n")
  }
}
