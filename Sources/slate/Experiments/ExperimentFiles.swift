import Foundation

// results.json and times.json.

extension ExperimentResults {
  /// The content of results.json: all that follows from seeds and data.
  private struct Determined: Encodable {
    struct ArmRecord: Encodable {
      let label: String
      let line: String
      let x: Double?
      let configuration: RunConfiguration
      let data: DataSource
    }

    let experiment: String
    let shows: String
    let source: String
    let published: [String]
    let scale: String
    let seeds: Int
    let arms: [ArmRecord]
    let runs: [RunResult]
    let table: [SeedTable.Row]
    let slopes: [Slope]
  }

  /// The content of times.json: all that depends on the machine too.
  private struct Timed: Encodable {
    struct RunTimes: Encodable {
      let arm: String
      let seed: UInt64
      let values: [String: Double]
      let valCrossEntropyBySeconds: [CurvePoint]
    }

    let equalTime: Double?
    let runs: [RunTimes]
    let table: [SeedTable.Row]
    let slopes: [Slope]
  }

  /// The results that are the same on each repetition on the same machine, however often it was
  /// interrupted.
  func determinedJSON() throws -> String {
    let table = table.rows.map { row in
      SeedTable.Row(
        group: row.group, runs: row.runs, failed: row.failed,
        quantities: row.quantities.filter { !isTime($0.key) }, published: row.published)
    }
    return try snakeCaseJSON(
      Determined(
        experiment: plan.experiment.name, shows: plan.experiment.shows,
        source: plan.experiment.source, published: plan.experiment.published,
        scale: plan.setting.scale.rawValue, seeds: plan.seeds,
        arms: plan.arms.map {
          .init(
            label: $0.label, line: $0.group, x: $0.x, configuration: $0.configuration, data: $0.data
          )
        },
        runs: runs.map { run in
          var run = run
          run.values = run.values.filter { !isTime($0.key) }
          return run
        }, table: table, slopes: slopes.filter { !isTime($0.quantity) }))
  }

  /// The results that depend on the speed of the machine.
  func timesJSON() throws -> String {
    try snakeCaseJSON(
      Timed(
        equalTime: equalTime,
        runs: zip(runs, entropiesBySeconds).map { run, curve in
          .init(
            arm: run.arm, seed: run.seed, values: run.values.filter { isTime($0.key) },
            valCrossEntropyBySeconds: curve)
        },
        table: table.rows.map { row in
          SeedTable.Row(
            group: row.group, runs: row.runs, failed: row.failed,
            quantities: row.quantities.filter { isTime($0.key) }, published: [:])
        }, slopes: slopes.filter { isTime($0.quantity) }))
  }

  private func isTime(_ key: String) -> Bool {
    key.hasPrefix("seconds_") || key == ExperimentResults.atEqualTime
      || plan.experiment.quantities.contains { $0.key == key && $0.isTime }
  }
}
