import Images
import Testing

@testable import slate

/// The lines of an experiment's charts: means over the seeds that did not fail, and their spread.
@Suite struct ExperimentChartsTests {
  private func drawing(_ chart: ExperimentChart) throws -> LineChart? {
    try WrittenExperiment().results().drawing(of: chart)
  }

  private func points(_ series: LineChart.Series) -> [[Double]] {
    series.points.map { [$0.x, $0.y] }
  }
  private func band(_ series: LineChart.Series) -> [[Double]] {
    series.band.map { [$0.x, $0.low, $0.high] }
  }

  @Test("against steps there is a line an arm; a single seed has no band, and a failed one no part")
  func bySteps() throws {
    let chart = try #require(try drawing(.crossEntropy))
    #expect(chart.title == "Cross-entropy in validation" && chart.x.label == "step")
    #expect(chart.y.unit == "nats an image" && chart.y.scale == .logarithmic)
    try #require(chart.series.map(\.name) == ["slow", "fast"])
    #expect(points(chart.series[0]) == [[0, 10], [1, 8], [2, 6]])
    #expect(chart.series[0].band.isEmpty)
    #expect(points(chart.series[1]) == [[0, 10], [1, 8], [2, 4]])
    #expect(band(chart.series[1]) == [[0, 10, 10], [1, 7, 9], [2, 3, 5]])
  }

  @Test("against seconds a point is a validation, at the mean of its seeds' seconds")
  func bySeconds() throws {
    let bySeconds = ExperimentChart(
      key: "val_cross_entropy", title: "", against: .seconds, axis: ("cross-entropy", nil))
    let chart = try #require(try drawing(bySeconds))
    #expect(chart.x.label == "training time" && chart.x.unit == "s")
    try #require(chart.series.map(\.name) == ["slow", "fast"])
    #expect(points(chart.series[0]) == [[0, 10], [4, 8], [8, 6]])
    #expect(points(chart.series[1]) == [[0, 10], [2, 8], [4, 4]])
    #expect(band(chart.series[1]) == [[0, 10, 10], [2, 7, 9], [4, 3, 5]])
    #expect(chart.series[0].band.isEmpty)
  }

  @Test("against what arms differ in, the arms of a line are its points")
  func byArms() throws {
    let chart = try #require(try drawing(WrittenExperiment.byArms))
    #expect(chart.x.label == "width" && chart.x.scale == .linear && chart.y.unit == "%")
    try #require(chart.series.map(\.name) == ["line"])
    #expect(points(chart.series[0]) == [[1, 0.25], [3, 0.625]])
    #expect(band(chart.series[0]) == [[1, 0.25, 0.25], [3, 0.5, 0.75]])
  }

  @Test("against the iterations of the trained model")
  func byTestIterations() throws {
    let chart = try #require(try drawing(WrittenExperiment.byIterations))
    #expect(chart.x.label == "iterations of the trained model" && chart.y.scale == .linear)
    try #require(chart.series.map(\.name) == ["slow", "fast"])
    #expect(points(chart.series[0]) == [[2, 0.125], [8, 0.03125]])
    #expect(points(chart.series[1]) == [[2, 0.3125], [8, 0.078125]])
  }

  @Test("what nobody measured is not drawn")
  func unmeasured() throws {
    #expect(try drawing(.spectralNorm) == nil)
  }
}
