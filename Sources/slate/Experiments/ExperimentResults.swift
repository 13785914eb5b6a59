import Foundation

/// What the runs of an experiment have measured.
struct ExperimentResults: Sendable {
  /// A run, as files have it.
  struct RunResult: Codable, Sendable {
    let arm: String
    let seed: UInt64
    /// Why it failed.
    let failure: String?
    var values: [String: Double]
    var curves: [String: [CurvePoint]]
  }

  /// How a quantity grows with an arm's `x`.
  struct Slope: Codable, Sendable {
    let group: String
    let quantity: String
    /// Whether it is the base-10 logarithm that grows.
    let isLogarithmic: Bool
    let fit: LineFit
  }

  /// The name of the cross-entropy at equal time.
  static let atEqualTime = "val_cross_entropy_at_equal_time"

  let plan: ExperimentPlan
  /// In the plan's order; those that are neither finished nor failed are left out.
  private(set) var runs: [RunResult] = []
  /// The validation cross-entropy against seconds of training, in the order of the runs.
  private(set) var entropiesBySeconds: [[CurvePoint]] = []
  /// The time at which the fastest arm has ended; nil where there are no times.
  private(set) var equalTime: Double?

  /// Reads what the runs have left in their folders.
  ///
  /// - Throws: an error that names the file that cannot be read.
  init(of plan: ExperimentPlan) throws {
    self.plan = plan
    var measured: [RunMeasurements?] = []
    for run in plan.runs {
      let reason = FileManager.default.contents(atPath: run.failure.path)
        .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines) }
      guard plan.isFinished(run) || reason != nil else { continue }
      let found =
        plan.isFinished(run)
        ? try RunMeasurements(of: run, in: plan)
        : try? RunMeasurements(metrics: run.folder.metrics)
      measured.append(found)
      runs.append(
        RunResult(
          arm: run.arm.label, seed: run.seed, failure: plan.isFinished(run) ? nil : reason,
          values: found?.values ?? [:], curves: found?.curves ?? [:]))
    }
    entropiesBySeconds = measured.map { $0?.entropyBySeconds ?? [] }
    compareAtEqualTime(measured)
  }

  /// Adds the cross-entropy at the time at which the fastest arm, in the mean, has ended.
  private mutating func compareAtEqualTime(_ measured: [RunMeasurements?]) {
    let times = plan.arms.compactMap { arm in
      SeedStatistics(
        runs.filter { $0.arm == arm.label && $0.failure == nil }
          .compactMap { $0.values["seconds_of_steps"] })?.mean
    }
    guard let time = times.min(), time > 0 else { return }
    equalTime = time
    for index in runs.indices {
      // The fastest arm's seeds that ended a little earlier are at their end.
      let found = measured[index].flatMap {
        $0.entropy(afterSeconds: time) ?? $0.entropyBySeconds.last?.y
      }
      runs[index].values[ExperimentResults.atEqualTime] = found
    }
  }

  /// The runs of an arm that have not failed.
  func finished(_ arm: Arm) -> [RunResult] {
    runs.filter { $0.arm == arm.label && $0.failure == nil }
  }

  /// How many runs have failed.
  var failures: Int { runs.count { $0.failure != nil } }

  /// The table of the arms.
  var table: SeedTable {
    var table = SeedTable(
      groups: plan.arms.map(\.label).filter { label in runs.contains { $0.arm == label } },
      columns: plan.experiment.quantities.map { .init(key: $0.key, title: $0.title) },
      entries: runs.map {
        .init(group: $0.arm, seed: $0.seed, failure: $0.failure, values: $0.values)
      })
    table.published = Dictionary(
      uniqueKeysWithValues: plan.arms.map { ($0.label, $0.published) })
    return table
  }

  /// The fitted growths, for each line of arms.
  var slopes: [Slope] {
    plan.experiment.slopes.flatMap { key, isLogarithmic in
      plan.lines.compactMap { group, arms -> Slope? in
        let points = arms.flatMap { arm in
          finished(arm).compactMap { run -> CurvePoint? in
            guard let x = arm.x, let y = run.values[key], !isLogarithmic || y > 0 else {
              return nil
            }
            return CurvePoint(x: x, y: isLogarithmic ? log10(y) : y)
          }
        }
        return LineFit(points).map {
          Slope(group: group, quantity: key, isLogarithmic: isLogarithmic, fit: $0)
        }
      }
    }
  }
}

extension ExperimentPlan {
  /// The arms by what charts call their lines, in order.
  var lines: [(group: String, arms: [Arm])] {
    var order: [String] = []
    for arm in arms where !order.contains(arm.group) { order.append(arm.group) }
    return order.map { group in (group, arms.filter { $0.group == group }) }
  }
}
