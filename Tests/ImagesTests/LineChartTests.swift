import Foundation
import Testing

@testable import Images

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct AxisTicksTests {
  private func linear(_ numbers: [Double], isTight: Bool = false) -> AxisTicks {
    AxisTicks(numbers, .linear, count: 6, isTight: isTight)
  }

  private func logarithmic(_ numbers: [Double]) -> AxisTicks {
    AxisTicks(numbers, .logarithmic, count: 6, isTight: false)
  }

  @Test func linearStepsAreOneTwoOrFive() {
    #expect(linear([0, 1]).majors.map(\.label) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(linear([-3, 7]).majors.map(\.label) == ["\u{2212}2", "0", "2", "4", "6"])
    #expect(
      linear([0, 300_000], isTight: true).majors.map(\.label)
        == [
          "0", "50\u{2009}000", "100\u{2009}000", "150\u{2009}000", "200\u{2009}000",
          "250\u{2009}000", "300\u{2009}000",
        ])
    #expect(linear([0, 3000]).majors.last?.label == "3000")
    #expect(linear([0, 1]).minors.count == 15, "three between each pair of six")
  }

  @Test func aRangeThatNearlyReachesZeroBeginsThere() {
    #expect(linear([1, 9.7]).range == 0...10)
    #expect(linear([8, 9.7]).range.lowerBound > 7)
    #expect(linear([1, 9.3], isTight: true).range == 1...9.3)
    #expect(linear([100, 249_900], isTight: true).range == 0...250_000)
  }

  @Test func veryLargeAndVerySmallNumbersShareAnExponent() {
    let small = linear([0, 4e-5])
    #expect(small.commonExponent == -5)
    #expect(small.majors.map(\.label) == ["0", "1", "2", "3", "4"])
    #expect(linear([0, 2e9]).commonExponent == 9)
    #expect(linear([0, 500]).commonExponent == 0)
  }

  @Test func decadesAndTheirParts() {
    let ticks = logarithmic([0.003, 700])
    #expect(ticks.range.lowerBound.isApproximately(0.002))
    #expect(ticks.range.upperBound.isApproximately(1000))
    #expect(ticks.majors.map(\.label) == Array(repeating: "10", count: 6))
    #expect(ticks.majors.map(\.exponent) == ["\u{2212}2", "\u{2212}1", "0", "1", "2", "3"])
    #expect(ticks.minors.contains { $0.isApproximately(0.03) })
    #expect(!ticks.minors.contains { $0.isApproximately(0.1) })
  }

  @Test func manyDecadesAreLabelledInStrides() {
    let ticks = logarithmic([1e-12, 1e12])
    #expect(ticks.majors.count == 7)
    #expect(ticks.majors.map(\.exponent).contains("0"))
    #expect(ticks.minors.count == 18, "the other decades, without their parts")
  }

  @Test func fewDecadesAreLabelledWithinThem() {
    #expect(logarithmic([60, 800]).majors.map(\.label) == ["50", "100", "200", "500", "1000"])
    #expect(logarithmic([130, 180]).majors.map(\.label) == ["100", "200"])
    #expect(
      logarithmic([0.02, 0.3]).majors.map(\.label) == ["0.02", "0.05", "0.1", "0.2", "0.5"])
    #expect(logarithmic([3e-5, 8e-5]).majors.map(\.label) == ["2·10", "5·10", "10"])
    #expect(logarithmic([1, 800]).majors.map(\.label) == ["1", "10", "100", "1000"])
  }

  @Test("one number, and none, have a range", arguments: [[5.0], [0], [-3], [1e-300], []])
  func degenerate(_ numbers: [Double]) {
    let ticks = linear(numbers)
    #expect(ticks.range.upperBound > ticks.range.lowerBound)
    #expect(ticks.majors.count >= 2)
    for number in numbers { #expect((0...1).contains(ticks.fraction(of: number))) }
    if numbers.allSatisfy({ $0 > 0 }) {
      #expect(logarithmic(numbers).majors.count >= 1)
      for number in numbers { #expect((0...1).contains(logarithmic(numbers).fraction(of: number))) }
    }
  }
}

extension Double {
  fileprivate func isApproximately(_ other: Double) -> Bool { abs(self - other) <= 1e-9 * other }
}

/// Counts elements and collects texts; fails where the XML is not well formed.
private final class Outline: NSObject, XMLParserDelegate {
  private(set) var elements: [String] = []
  private(set) var attributes: [[String: String]] = []
  private(set) var text: [String] = []

  init?(_ document: String) {
    super.init()
    let parser = XMLParser(data: Data(document.utf8))
    parser.delegate = self
    guard parser.parse() else { return nil }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    elements.append(name)
    self.attributes.append(attributes)
    text.append("")
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    text[text.count - 1] += string.filter { $0 != "\n" }
  }
}

@Suite struct LineChartTests {
  static func curve(_ rate: Double, count: Int = 200) -> [(x: Double, y: Double)] {
    (0..<count).map { (Double($0) * 100, 900 * exp(-Double($0) * rate) + 60) }
  }

  private static let chart = LineChart(
    title: "Loss <of> \"a & b\"", x: .init("step"),
    y: .init("cross-entropy", unit: "nats/image", .logarithmic),
    series: [.init("implicit & 'fast'", curve(0.05)), .init("vanilla", curve(0.02))])

  @Test("the document is well-formed XML", arguments: [LineChart.Form.narrow, .wide])
  func wellFormed(_ form: LineChart.Form) throws {
    let document = Self.chart.svg(form)
    let outline = try #require(Outline(document))
    #expect(outline.elements.first == "svg")
    #expect(outline.text.contains("Loss <of> \"a & b\""))
    #expect(outline.text.contains("implicit & 'fast'"))
    #expect(outline.text.contains("cross-entropy (nats/image)"))
    #expect(document.contains("&lt;of&gt; &quot;a &amp; b&quot;"))
    #expect(!document.contains("font-face") && !document.contains("nan"))
  }

  @Test func charactersThatXMLForbidsAreLeftOut() throws {
    let chart = LineChart(
      title: "a\u{0}b\u{1b}[31m\nc\u{ffff}", x: .init("x"), y: .init("y"), series: [])
    let outline = try #require(Outline(chart.svg()))
    #expect(outline.text.contains("ab[31m c"))
    #expect(outline.text.contains("nothing to draw"))
  }

  @Test func pointsThatCannotBeDrawnInterruptTheLine() throws {
    let points = [(1, 10), (2, 20), (3, .nan), (4, 40), (5, .infinity), (6, -1), (7, 70), (8, 80)]
      .map { (x: Double($0.0), y: $0.1) }
    for (scale, runs) in [(LineChart.Scale.linear, 3), (.logarithmic, 3)] {
      let chart = LineChart(
        x: .init("x"), y: .init("y", scale), series: [.init("s", points)])
      let outline = try #require(Outline(chart.svg()))
      let paths = outline.attributes.filter { $0["stroke-linejoin"] == "round" }
      #expect(paths.count == 1)
      #expect(paths[0]["d"]?.filter { $0 == "M" }.count == runs)
      let markers = outline.attributes.filter { $0["fill"] == "#ffffff" && $0["d"] != nil }
      #expect(markers.count == (scale == .linear ? 6 : 5) + 1, "and the legend's")
    }
  }

  @Test("extreme numbers make no invalid image", arguments: [LineChart.Scale.linear, .logarithmic])
  func extremeNumbers(_ scale: LineChart.Scale) throws {
    let numbers = [
      .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e299, -1e299,
      1e-299, 0, 1, .infinity, -.infinity, .nan, 1e15, 1e15 + 1,
    ]
    for first in numbers {
      for second in numbers {
        let chart = LineChart(
          x: .init("x", scale), y: .init("y", scale),
          series: [.init("s", [(first, second), (second, first)])])
        let document = chart.svg(.narrow)
        #expect(Outline(document) != nil)
        #expect(!document.contains("nan") && !document.contains("inf\""))
      }
    }
  }

  @Test func seriesDifferWithoutColour() {
    let styles = (0..<7).map { SeriesStyle($0) }
    #expect(Set(styles.map(\.color)).count == 7)
    #expect(Set(styles.map { $0.dashes ?? "" }).count == 7)
    #expect(Set(styles.map(\.marker)).count == 7)
    let many = (0..<49).map { SeriesStyle($0) }
    #expect(Set(many.map { "\($0.color) \($0.marker)" }).count == 49)
  }

  @Test func aDenseSeriesIsItsMeanInABand() {
    var points = (0..<1_000_000).map { (x: Double($0) * 6e-4, y: $0 % 2 == 0 ? 10.0 : 20) }
    points[123_456].y = 50
    let path = SeriesPath(points)
    #expect(path.line.count == 200)
    #expect(path.line.allSatisfy { abs($0.y - 15) < 0.01 })
    #expect(path.band.count == 400)
    #expect(path.band.map(\.y).max() == 50 && path.band.map(\.y).min() == 10)
    #expect(zip(path.line, path.line.dropFirst()).allSatisfy { $0.x < $1.x })
    // Others are drawn as they are.
    let sparse = SeriesPath(Array(points.prefix(3)) + [(x: 100, y: 1)])
    #expect(sparse.line.count == 4 && sparse.band.isEmpty)
    #expect(SeriesPath(Array(points.prefix(1))).line.count == 1)
  }

  @Test func markersOfALongSeriesAreFew() {
    let points = (0..<1000).map { (x: Double($0), y: 0.0) }
    let first = SeriesPath.markers(on: points, from: 0, to: 1000, series: 0)
    let second = SeriesPath.markers(on: points, from: 0, to: 1000, series: 1)
    #expect((6...7).contains(first.count) && (6...7).contains(second.count))
    #expect(Set(first.map(\.x)).isDisjoint(with: second.map(\.x)))
    #expect(SeriesPath.markers(on: Array(points.prefix(9)), from: 0, to: 9, series: 0).count == 9)
  }

  @Test("sizes of letters are in pixels, also of exponents")
  func exponents() {
    let points = [(x: 0.0, y: 1e-9), (x: 1, y: 1e9)]
    let svg = LineChart(
      title: "t", x: .init("x"), y: .init("y", .logarithmic), series: [.init("", points)]
    ).svg(.wide)
    let sizes = svg.matches(of: /font-size="([^"]*)"/).map { String($0.output.1) }
    #expect(svg.contains("<tspan") && sizes.count > 3)
    #expect(sizes.allSatisfy { Double($0) != nil }, "\(sizes)")
  }

  @Test("numbers of any size can be drawn", arguments: [false, true])
  func extremes(_ isLogarithmic: Bool) {
    let numbers = [
      1e308, -1e308, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 0, -0.0, 1e-300, .nan,
      .infinity, 9.3e18,
    ]
    for first in numbers {
      for second in numbers {
        let points = [(x: first, y: second), (x: second, y: first), (x: first, y: first)]
        let chart = LineChart(
          title: "t", x: .init("x"), y: isLogarithmic ? .init("y", .logarithmic) : .init("y"),
          series: [.init("", points)])
        #expect(chart.svg(.narrow).hasSuffix("</svg>\n") || chart.svg(.narrow).contains("</svg>"))
      }
    }
  }

  @Test("texts lie within the image", arguments: [false, true])
  func textsLieWithin(_ isNamed: Bool) throws {
    let points = Self.curve(0.01, count: 2501)
    let chart = LineChart(
      title: "A title of many words that does not fit into a single line of a column",
      x: .init("step"), y: .init("quantity", unit: "a long unit"),
      series: [.init(isNamed ? "a name of many words that has to be broken" : "", points)])
    for (form, width, height) in [(LineChart.Form.narrow, 336.0, 288.0), (.wide, 672, 336)] {
      let outline = try #require(Outline(chart.svg(form)))
      var count = 0
      for (text, attributes) in zip(outline.text, outline.attributes) {
        guard let x = attributes["x"].flatMap(Double.init),
          let y = attributes["y"].flatMap(Double.init)
        else { continue }
        count += 1
        let size = attributes["font-size"].flatMap(Double.init) ?? 11
        let length = SVGText.width(text, size: size)
        let start =
          switch attributes["text-anchor"] {
          case "middle": x - length / 2
          case "end": x - length
          default: x
          }
        #expect(start >= 0 && start + length <= width, "\(text) in \(form)")
        #expect(y - size >= 0 && y + size / 3 <= height, "\(text) in \(form)")
      }
      #expect(count > 10)
    }
  }

  @Test("a band of its own stands around a line, and the axis reaches to its edges")
  func spread() {
    func chart(_ band: [(x: Double, low: Double, high: Double)]) -> String {
      LineChart(
        x: .init("step"), y: .init("loss"),
        series: [.init("mean", [(0, 4), (1, 5), (2, 6)], band: band)]
      ).svg()
    }
    #expect(!chart([]).contains("fill-opacity"))
    #expect(!chart([]).contains(">40<"))
    let whole = chart([(0, 3, 5), (1, 2, 9), (2, 5, 40)])
    #expect(whole.components(separatedBy: "fill-opacity").count == 2)
    #expect(whole.contains(">40<"))
    // What cannot be drawn interrupts it.
    let interrupted = chart([(0, 3, 5), (0.5, 3, 5), (1, .nan, 9), (1.5, 3, 5), (2, 5, 7)])
    let outline = interrupted.firstMatch(of: /d="([^"]*)" fill="[^"]*" fill-opacity/)?.output.1
    #expect(outline?.filter { $0 == "z" }.count == 2, "\(interrupted)")
  }

  @Test func longNamesAreBroken() {
    let lines = SVGText.lines("one step, eight iterations, no clipping", size: 11, limit: 110)
    #expect(lines.count > 1)
    #expect(lines.joined(separator: " ") == "one step, eight iterations, no clipping")
    #expect(lines.allSatisfy { SVGText.width($0, size: 11) <= 110 })
    #expect(SVGText.lines("", size: 11, limit: 110) == [])
  }
}
