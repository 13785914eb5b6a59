import Foundation

/// The layout of a line chart and its SVG elements.
struct ChartDrawing {
  private let chart: LineChart
  private let width: Double
  private let height: Double
  private let xTicks: AxisTicks
  private let yTicks: AxisTicks
  private let plot: (left: Double, top: Double, right: Double, bottom: Double)
  private let titleLines: [String]
  private let legend: ChartLegend

  private static let textSize = 11.0
  private static let titleSize = 12.5
  private static let lineHeight = 14.0

  init(_ chart: LineChart, _ form: LineChart.Form) {
    self.chart = chart
    (width, height) = form == .narrow ? (336, 288) : (672, 336)
    let drawn = chart.series.flatMap { series in
      (series.points + series.band.flatMap { [($0.x, $0.low), ($0.x, $0.high)] })
        .filter { chart.canDraw($0) }
    }
    let size = ChartDrawing.textSize
    yTicks = AxisTicks(drawn.map(\.y), chart.y.scale, count: 6, isTight: false)
    xTicks = AxisTicks(
      drawn.map(\.x), chart.x.scale, count: form == .narrow ? 4 : 7, isTight: true)

    let numbers = yTicks.majors.map {
      SVGText.width($0.label, size: size) + SVGText.width($0.exponent ?? "", size: size * 0.75)
    }
    let left = 12 + ChartDrawing.lineHeight + (numbers.max() ?? 0) + 8
    legend = ChartLegend(
      chart.series.map(\.name), size: size, lineHeight: ChartDrawing.lineHeight + 2,
      width: form == .narrow ? width - left - 10 : width * 0.3, isColumn: form == .wide)
    // The last label of the horizontal axis is centred on the plot's edge.
    let overhang = (xTicks.majors.last.map { SVGText.width($0.label, size: size) } ?? 0) / 2 + 6
    let right = width - max(form == .narrow ? 16 : 18 + legend.width, overhang)
    titleLines = SVGText.lines(
      chart.title, size: ChartDrawing.titleSize * 1.05, limit: width - left - 10)
    let top = 12 + Double(titleLines.count) * (ChartDrawing.lineHeight + 2)
    let below = 2 * ChartDrawing.lineHeight + 16
    plot = (left, top, right, height - below - (form == .narrow ? legend.height : 0))
  }

  /// The whole image.
  var document: String {
    let description =
      chart.series.isEmpty ? "no series" : chart.series.map(\.name).joined(separator: ", ")
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" width="\(n(width))" height="\(n(height))" \
      viewBox="0 0 \(n(width)) \(n(height))" role="img" \
      font-family="Helvetica, Arial, 'Liberation Sans', sans-serif" \
      font-size="\(n(ChartDrawing.textSize))" fill="#1a1a1a">
      <title>\(SVGText.escaped(chart.title))</title>
      <desc>\(SVGText.escaped("\(axisLabel(chart.y, yTicks)) against "
        + "\(axisLabel(chart.x, xTicks)): \(description)"))</desc>
      <rect width="100%" height="100%" fill="#ffffff"/>
      \((titleElements + grid + axes + lines + legendElements).joined(separator: "\n"))
      </svg>

      """
  }

  // MARK: Texts

  private var titleElements: [String] {
    titleLines.enumerated().map { index, line in
      let y = 18 + Double(index) * (ChartDrawing.lineHeight + 2)
      return "<text x=\"\(n(plot.left))\" y=\"\(n(y))\" font-weight=\"bold\" "
        + "font-size=\"\(n(ChartDrawing.titleSize))\">\(SVGText.escaped(line))</text>"
    }
  }

  private func axisLabel(_ axis: LineChart.Axis, _ ticks: AxisTicks) -> String {
    let power = ticks.commonExponent == 0 ? nil : "×10" + superscript(ticks.commonExponent)
    let notes = [power, axis.unit].compactMap { $0 }
    return notes.isEmpty ? axis.label : "\(axis.label) (\(notes.joined(separator: " ")))"
  }

  private func superscript(_ number: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return (number < 0 ? "⁻" : "")
      + String(String(abs(number)).compactMap(\.wholeNumberValue).map { digits[$0] })
  }

  private func tickLabel(_ tick: AxisTicks.Major) -> String {
    guard let exponent = tick.exponent else { return tick.label }
    // In pixels: some renderers take a percentage for a number of them.
    let size = n(0.75 * ChartDrawing.textSize)
    return "\(tick.label)<tspan dy=\"-4\" font-size=\"\(size)\">\(exponent)</tspan>"
  }

  // MARK: Axes

  private func position(x: Double) -> Double {
    plot.left + xTicks.fraction(of: x) * (plot.right - plot.left)
  }

  private func position(y: Double) -> Double {
    plot.bottom - yTicks.fraction(of: y) * (plot.bottom - plot.top)
  }

  private var grid: [String] {
    func lines(_ xs: [Double], _ ys: [Double], _ color: String) -> String {
      let vertical = xs.map { "M\(n(position(x: $0))) \(n(plot.top))V\(n(plot.bottom))" }
      let horizontal = ys.map { "M\(n(plot.left)) \(n(position(y: $0)))H\(n(plot.right))" }
      return "<path d=\"\((vertical + horizontal).joined())\" fill=\"none\" stroke=\"\(color)\" "
        + "stroke-width=\"0.6\"/>"
    }
    return [
      lines(xTicks.minors, yTicks.minors, "#efefef"),
      lines(xTicks.majors.map(\.value), yTicks.majors.map(\.value), "#d4d4d4"),
    ]
  }

  private var axes: [String] {
    var ticks = ""
    for x in xTicks.minors { ticks += "M\(n(position(x: x))) \(n(plot.bottom))v2.5" }
    for x in xTicks.majors { ticks += "M\(n(position(x: x.value))) \(n(plot.bottom))v5" }
    for y in yTicks.minors { ticks += "M\(n(plot.left)) \(n(position(y: y)))h-2.5" }
    for y in yTicks.majors { ticks += "M\(n(plot.left)) \(n(position(y: y.value)))h-5" }
    let frame = "M\(n(plot.left)) \(n(plot.top))V\(n(plot.bottom))H\(n(plot.right))"
    var elements = [
      "<path d=\"\(frame)\(ticks)\" fill=\"none\" stroke=\"#1a1a1a\" stroke-width=\"0.9\"/>"
    ]
    for tick in xTicks.majors {
      elements.append(
        "<text x=\"\(n(position(x: tick.value)))\" y=\"\(n(plot.bottom + 17))\" "
          + "text-anchor=\"middle\">\(tickLabel(tick))</text>")
    }
    for tick in yTicks.majors {
      elements.append(
        "<text x=\"\(n(plot.left - 8))\" y=\"\(n(position(y: tick.value) + 3.8))\" "
          + "text-anchor=\"end\">\(tickLabel(tick))</text>")
    }
    let middle = (x: (plot.left + plot.right) / 2, y: (plot.top + plot.bottom) / 2)
    elements.append(
      "<text x=\"\(n(middle.x))\" y=\"\(n(plot.bottom + 34))\" text-anchor=\"middle\">"
        + "\(SVGText.escaped(axisLabel(chart.x, xTicks)))</text>")
    elements.append(
      "<text transform=\"translate(14 \(n(middle.y))) rotate(-90)\" text-anchor=\"middle\">"
        + "\(SVGText.escaped(axisLabel(chart.y, yTicks)))</text>")
    return elements
  }

  // MARK: Lines

  private var lines: [String] {
    let elements = chart.series.enumerated().flatMap { index, series -> [String] in
      let style = SeriesStyle(index)
      let runs = series.points.split { !chart.canDraw($0) }.map { run in
        SeriesPath(run.map { (x: position(x: $0.x), y: position(y: $0.y)) })
      }
      let outlines = runs.map(\.band) + spreads(of: series)
      let bands = outlines.filter { !$0.isEmpty }.map { "M\(joined($0))z" }.joined()
      let band =
        bands.isEmpty
        ? [] : ["<path d=\"\(bands)\" fill=\"\(style.color)\" fill-opacity=\"0.2\"/>"]
      let path = runs.map { "M\(joined($0.line))" }.joined()
      guard !path.isEmpty else { return [] }
      let line =
        "<path d=\"\(path)\" fill=\"none\" stroke-linejoin=\"round\" \(stroke(style))/>"
      let marked = SeriesPath.markers(
        on: runs.flatMap(\.line), from: plot.left, to: plot.right, series: index)
      return band + [line] + marked.map { marker(style, $0) }
    }
    guard elements.isEmpty else { return elements }
    let middle = (x: (plot.left + plot.right) / 2, y: (plot.top + plot.bottom) / 2)
    return [
      "<text x=\"\(n(middle.x))\" y=\"\(n(middle.y))\" text-anchor=\"middle\">"
        + "nothing to draw</text>"
    ]
  }

  /// The outlines of a series' own band, which points that cannot be drawn interrupt.
  private func spreads(of series: LineChart.Series) -> [[SeriesPath.Point]] {
    series.band.split {
      !chart.canDraw((x: $0.x, y: $0.low)) || !chart.canDraw((x: $0.x, y: $0.high))
    }.map { edges in
      edges.map { (x: position(x: $0.x), y: position(y: $0.low)) }
        + edges.reversed().map { (x: position(x: $0.x), y: position(y: $0.high)) }
    }
  }

  private func joined(_ points: [(x: Double, y: Double)]) -> String {
    points.map { "\(n($0.x)) \(n($0.y))" }.joined(separator: "L")
  }

  private func stroke(_ style: SeriesStyle) -> String {
    "stroke=\"\(style.color)\" stroke-width=\"1.4\""
      + (style.dashes.map { " stroke-dasharray=\"\($0)\"" } ?? "")
  }

  private func marker(_ style: SeriesStyle, _ point: (x: Double, y: Double)) -> String {
    "<path transform=\"translate(\(n(point.x)) \(n(point.y)))\" d=\"\(style.marker.path)\" "
      + "fill=\"#ffffff\" stroke=\"\(style.color)\" stroke-width=\"1.2\"/>"
  }

  // MARK: Legend

  private var legendElements: [String] {
    let origin =
      legend.isColumn
      ? (x: plot.right + 16, y: plot.top + 2)
      : (x: plot.left, y: plot.bottom + 2 * ChartDrawing.lineHeight + 14)
    return legend.entries.enumerated().flatMap { index, entry -> [String] in
      let style = SeriesStyle(index)
      let (x, y) = (origin.x + entry.x, origin.y + entry.y)
      let sample =
        "<path d=\"M\(n(x)) \(n(y + 4))h\(n(ChartLegend.sampleWidth))\" fill=\"none\" "
        + "\(stroke(style))/>"
      let texts = entry.lines.enumerated().map { number, line in
        "<text x=\"\(n(x + ChartLegend.sampleWidth + 6))\" "
          + "y=\"\(n(y + 7.8 + Double(number) * 12.5))\">\(SVGText.escaped(line))</text>"
      }
      return [sample, marker(style, (x + ChartLegend.sampleWidth / 2, y + 4))] + texts
    }
  }

  /// A coordinate with at most two decimals.
  private func n(_ value: Double) -> String {
    let rounded = (value * 100).rounded() / 100
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }
}

extension LineChart {
  /// Whether a point has a place on the axes; the ends of the exponents' range count as not finite.
  func canDraw(_ point: (x: Double, y: Double)) -> Bool {
    func fits(_ number: Double, _ axis: Axis) -> Bool {
      abs(number) < 1e300 && (axis.scale == .linear || number > 1e-300)
    }
    return fits(point.x, x) && fits(point.y, y)
  }
}
