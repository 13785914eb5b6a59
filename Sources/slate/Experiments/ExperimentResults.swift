import Foundation

/// The measurements of an experiment's runs.
struct ExperimentResults: Sendable {
  /// A run as files store it.
  struct RunResult: Codable, Sendable {
    let arm: String
    let seed: UInt64
    /// The reason of a failure; nil if there was none.
    let failure: String?
    var values: [String: Double]
    var curves: [String: [CurvePoint]]
  }

  /// The growth of a quantity with an arm's `x`.
  struct Slope: Codable, Sendable {
    let group: String
    let quantity: String
    /// Whether the base-10 logarithm of the quantity was fitted.
    let isLogarithmic: Bool
    let fit: LineFit
  }

  /// The name of the cross-entropy at equal time.
  static let atEqualTime = "val_cross_entropy_at_equal_time"

  let plan: ExperimentPlan
  /// The runs in the order of the plan; those that are neither finished nor failed are left out.
  private(set) var runs: [RunResult] = []
  /// The validation cross-entropy against seconds of training, in the order of the runs.
  private(set) var entropiesBySeconds: [[CurvePoint]] = []
  /// The time after which the fastest arm has ended; nil if times are missing.
  private(set) var equalTime: Double?

  /// Reads the files that the runs have left in their folders.
  ///
  /// - Throws: an error that names the file that cannot be read.
  init(of plan: ExperimentPlan) throws {
    self.plan = plan
    var measured: [RunMeasurements?] = []
    for run in plan.runs {
      let reason = try SmallFile.text(run.failure.path)
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

  /// Adds the cross-entropy at the time after which the fastest arm has ended, averaged over its
  /// seeds.
  private mutating func compareAtEqualTime(_ measured: [RunMeasurements?]) {
    let times = plan.arms.compactMap { arm in
      SeedStatistics(
        runs.filter { $0.arm == arm.label && $0.failure == nil }
          .compactMap { $0.values["seconds_of_steps"] })?.mean
    }
    guard let time = times.min(), time > 0 else { return }
    equalTime = time
    for index in runs.indices {
      // A seed of the fastest arm that ended a little earlier counts with its last value.
      let found = measured[index].flatMap {
        $0.entropy(afterSeconds: time) ?? $0.entropyBySeconds.last?.y
      }.flatMap { $0.isFinite ? $0 : nil }
      runs[index].values[ExperimentResults.atEqualTime] = found
    }
  }

  /// The runs of an arm that have not failed.
  func finished(_ arm: Arm) -> [RunResult] {
    runs.filter { $0.arm == arm.label && $0.failure == nil }
  }

  /// The number of runs that have failed.
  var failures: Int { runs.count { $0.failure != nil } }

  /// Groups of arms whose runs, seed by seed, had the same losses in every validation and the same norms
  /// and probes: the setting in which the arms of a group differ had no effect.
  var alike: [[String]] {
    var groups: [[Arm]] = []
    for arm in plan.arms where !finished(arm).isEmpty {
      let curves = finished(arm).map(\.curves)
      guard curves.allSatisfy({ !$0.isEmpty }) else { continue }
      if let index = groups.firstIndex(where: { finished($0[0]).map(\.curves) == curves }) {
        groups[index].append(arm)
      } else {
        groups.append([arm])
      }
    }
    return groups.filter { $0.count > 1 }.map { $0.map(\.label) }
  }

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

  /// The fitted growths, one for each line of arms.
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
  /// The arms, grouped by the name of their line in charts, in order.
  var lines: [(group: String, arms: [Arm])] {
    var order: [String] = []
    for arm in arms where !order.contains(arm.group) { order.append(arm.group) }
    return order.map { group in (group, arms.filter { $0.group == group }) }
  }
}
