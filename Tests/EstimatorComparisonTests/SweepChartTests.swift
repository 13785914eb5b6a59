import EstimatorComparison
import Images
import ImplicitLayers
import TestSupport
import Testing

/// Comparisons as charts.
@Suite struct SweepChartTests {
  @Test("a sweep is a chart with its curves, point by point")
  func sweep() throws {
    let sweep = try comparison(.manufacturedTanh(0.45)).errors(byTerms: [1, 2, 5])
    let chart = LineChart(sweep)
    #expect(chart.title == sweep.title)
    #expect(chart.x.label == sweep.variable && chart.y.label == sweep.quantity)
    #expect(chart.x.scale == (sweep.isLogarithmic ? .logarithmic : .linear))
    #expect(chart.y.scale == .logarithmic)
    #expect(chart.series.map(\.name) == sweep.curves.map(\.name))
    for (series, curve) in zip(chart.series, sweep.curves) {
      #expect(series.points.map(\.x) == curve.points.map(\.x))
      #expect(series.points.map(\.y) == curve.points.map(\.y))
    }
  }

  @Test("a report is a chart of families by cost, without errors that are rounding")
  func report() throws {
    let report = try comparison(
      .manufacturedTanh(0.45),
      estimators: [
        ComparedEstimator("5 terms", .neumann(terms: 5)), ComparedEstimator("one step", .oneStep),
        ComparedEstimator("3 damped terms", .neumann(terms: 3, relaxation: 0.5)),
        ComparedEstimator("exact", .exact), ComparedEstimator("2 terms", .neumann(terms: 2)),
      ]
    ).report()
    let chart = LineChart(errorsOf: report, title: "Of a report")
    #expect(chart.title == "Of a report")
    #expect(chart.series.map(\.name) == ["series", "damped series"])
    #expect(chart.series[0].points.map(\.x) == [1, 2, 5])
    #expect(chart.series[1].points.map(\.x) == [3])
    let errors = try ["one step", "2 terms", "5 terms"].map {
      try #require(report[$0]?.overall?.relativeError)
    }
    #expect(chart.series[0].points.map(\.y) == errors)
  }
}
