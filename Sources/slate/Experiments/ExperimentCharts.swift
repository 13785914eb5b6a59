import Foundation
import Images

// Results as charts: a line is the mean over the seeds, in a band from the lowest to the highest.

extension ExperimentResults {
  /// The drawing of a chart; nil if nothing was measured.
  func drawing(of chart: ExperimentChart) -> LineChart? {
    let series: [LineChart.Series]
    let horizontal: LineChart.Axis
    switch chart.against {
    case .steps:
      horizontal = .init("step")
      series = armSeries { $0.curves[chart.key] ?? [] }
    case .seconds:
      horizontal = .init("training time", unit: "s")
      let curves = Dictionary(
        uniqueKeysWithValues: zip(runs, entropiesBySeconds).map { ("\($0.arm)/\($0.seed)", $1) })
      series = timeSeries { curves["\($0.arm)/\($0.seed)"] ?? [] }
    case .arms(let name):
      horizontal = .init(name, plan.isSpreadOverPowers ? .logarithmic : .linear)
      series = plan.lines.map { group, arms in
        LineChart.Series(
          group,
          spreading: arms.flatMap { arm in
            finished(arm).compactMap { run -> [CurvePoint]? in
              guard let x = arm.x, let y = run.values[chart.key] else { return nil }
              return [CurvePoint(x: x, y: y)]
            }
          })
      }
    case .testIterations:
      horizontal = .init("iterations of the trained model")
      series = armSeries { $0.curves[chart.key + "_by_test_iterations"] ?? [] }
    }
    let drawn = series.filter { !$0.points.isEmpty }
    guard !drawn.isEmpty else { return nil }
    return LineChart(
      title: chart.title, x: horizontal,
      y: .init(
        chart.axis.label, unit: chart.axis.unit, chart.isLogarithmic ? .logarithmic : .linear),
      series: drawn)
  }

  private func armSeries(_ curve: (RunResult) -> [CurvePoint]) -> [LineChart.Series] {
    plan.arms.map { LineChart.Series($0.label, spreading: finished($0).map(curve)) }
  }

  /// Seeds are not validated at the same seconds, so each point has the mean of the seconds and the
  /// mean of the values of one validation.
  private func timeSeries(_ curve: (RunResult) -> [CurvePoint]) -> [LineChart.Series] {
    plan.arms.map { arm in
      let curves = finished(arm).map(curve)
      let count = curves.map(\.count).min() ?? 0
      let points = (0..<count).map { index in
        let column = curves.map { $0[index] }
        return (
          x: column.reduce(0) { $0 + $1.x } / Double(column.count), ys: column.map(\.y)
        )
      }
      return LineChart.Series(
        arm.label,
        points.map { (x: $0.x, y: $0.ys.reduce(0, +) / Double($0.ys.count)) },
        band: curves.count > 1
          ? points.map { (x: $0.x, low: $0.ys.min() ?? 0, high: $0.ys.max() ?? 0) } : [])
    }
  }
}

extension LineChart.Series {
  /// The mean of some curves at each x that one of them has, with a band from the lowest to the
  /// highest value; a single curve has no band.
  init(_ name: String, spreading curves: [[CurvePoint]]) {
    let values = Dictionary(grouping: curves.joined(), by: \.x).mapValues { $0.map(\.y) }
    let xs = values.keys.sorted()
    self.init(
      name, xs.map { x in (x, SeedStatistics(values[x] ?? [])?.mean ?? .nan) },
      band: values.values.contains { $0.count > 1 }
        ? xs.map { x in (x, values[x]?.min() ?? .nan, values[x]?.max() ?? .nan) } : [])
  }
}

extension ExperimentPlan {
  /// Whether the values of the arms' `x` spread over powers of ten.
  fileprivate var isSpreadOverPowers: Bool {
    let xs = arms.compactMap(\.x)
    guard let least = xs.min(), let most = xs.max(), least > 0 else { return false }
    return most / least > 20
  }
}
