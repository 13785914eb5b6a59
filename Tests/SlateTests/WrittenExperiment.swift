import Foundation
import TestFolders

@testable import slate

/// A small experiment whose runs' files are written by hand: two arms, "slow" and "fast", with two seeds.
///
/// A step takes 4 s and 2 s. The second seed of the slow arm has failed. Validations of the slow arm give
/// 10, 8, 6, those of the fast one 10, 7, 5, and with the second seed 10, 9, 3.
struct WrittenExperiment {
  let plan: ExperimentPlan
  private let folder: TemporaryFolder

  static let byIterations = ExperimentChart(
    key: "fg_ari", title: "Score", against: .testIterations, axis: ("score", nil),
    isLogarithmic: false)
  static let byArms = ExperimentChart(
    key: "fg_ari", title: "Score", against: .arms("width"), axis: ("score", "%"))

  private static let experiment = Experiment(
    name: "speed", shows: "How fast.", source: "Nobody (2022)", published: ["Fast: 0.9."],
    arms: { setting in
      [
        Arm(
          "slow", setting.base, setting.source, group: "line", x: 1,
          published: ["fg_ari": "0.4"]),
        Arm(
          "fast", setting.configuration { $0.iterations = 9 }, setting.source, group: "line",
          x: 3),
      ]
    },
    quantities: [
      .crossEntropy, .foreground, .secondsOfStep,
      Quantity(key: ExperimentResults.atEqualTime, title: "at equal time"),
    ],
    slopes: [("fg_ari", false), ("seconds_step", true)], testIterations: { _ in [2, 8] })

  /// Writes the files.
  ///
  /// - Parameters:
  ///   - factor: how many times as long everything takes.
  ///   - fails: whether the slow arm fails in its second seed; default true.
  ///   - changesNothing: whether the fast arm gives in each seed what the slow one gives; default false.
  /// - Throws: what the file system throws.
  init(factor: Double = 1, fails: Bool = true, changesNothing: Bool = false) throws {
    folder = try TemporaryFolder()
    plan = try ExperimentPlan(
      WrittenExperiment.experiment, ExperimentSetting(), seeds: 2, folder: folder.url)
    for run in plan.runs {
      try FileManager.default.createDirectory(at: run.folder.url, withIntermediateDirectories: true)
      let isSlow = run.position == 0
      let entropies =
        isSlow || changesNothing ? [10, 8, 6] : run.seed == 0 ? [10, 7, 5] : [10, 9, 3]
      let seconds = (isSlow ? 4 : 2) * factor
      var lines = ["{\"step\": 0, \"val_cross_entropy\": 10, \"seconds\": \(factor)}"]
      for step in 1...2 {
        lines += [
          "{\"step\": \(step), \"loss\": 1, \"seconds_step\": \(seconds), \"seconds\": \(factor)}",
          "{\"step\": \(step), \"val_cross_entropy\": \(entropies[step]), \"seconds\": \(factor)}",
        ]
      }
      try run.folder.write(lines.joined(separator: "\n") + "\n", to: run.folder.metrics)
      if isSlow, run.seed == 1, fails {
        try run.folder.write("the disk is full\n", to: run.failure)
        continue
      }
      let score = isSlow || changesNothing ? 0.25 : run.seed == 0 ? 0.75 : 0.5
      try run.folder.write("{\"fg_ari\": \(score), \"mbo\": null}", to: run.scores())
      for iterations in [2, 8] {
        try run.folder.write(
          "{\"fg_ari\": \(score / Double(iterations))}", to: run.scores(iterations: iterations))
      }
    }
  }

  func results() throws -> ExperimentResults { try ExperimentResults(of: plan) }
}
