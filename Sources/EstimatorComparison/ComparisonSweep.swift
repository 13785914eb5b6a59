import ImplicitLayers
import Tensors

/// Curves of one quantity against another: what a chart shows.
public struct ComparisonSweep: Sendable, Codable {
  /// A point of a curve.
  public struct Point: Sendable, Codable, Equatable {
    /// The variable.
    public let x: Double
    /// The quantity.
    public let y: Double
  }

  /// A curve.
  public struct Curve: Sendable, Codable {
    /// What the legend calls it.
    public let name: String
    /// Its points, in the order of the variable.
    public let points: [Point]

    init(_ name: String, _ points: [(Double, Double)]) {
      self.name = name
      self.points = points.map { Point(x: $0.0, y: $0.1) }
    }
  }

  /// What the sweep shows.
  public let title: String
  /// The quantity that is varied.
  public let variable: String
  /// The quantity that is measured.
  public let quantity: String
  /// The unit of the quantity; nil for a number.
  public let unit: String?
  /// Whether the variable is best seen on a logarithmic axis.
  public let isLogarithmic: Bool
  /// The curves.
  public let curves: [Curve]

  /// The curve of a name.
  public subscript(name: String) -> [Point]? { curves.first { $0.name == name }?.points }

  /// An aligned table: a line for each value of the variable, a column for each curve.
  public var table: String { wide { FigureText.scientific($0) }.aligned }

  /// The table in Markdown.
  public var markdown: String { wide { FigureText.scientific($0) }.markdown + "\n" }

  /// One line for each point, in full precision.
  public var csv: String {
    let rows = curves.flatMap { curve in
      curve.points.map { [curve.name, FigureText.exact($0.x), FigureText.exact($0.y)] }
    }
    return FigureTable(header: ["curve", variable, quantity], rows: rows, words: []).csv
  }

  /// The whole sweep.
  ///
  /// - Throws: what the encoder throws; no case is known in which it does.
  public func json() throws -> String { try figureJSON() }

  private func wide(_ text: (Double?) -> String) -> FigureTable {
    var values: [Double] = []
    for point in curves.flatMap(\.points) where !values.contains(point.x) {
      values.append(point.x)
    }
    let rows = values.map { x in
      [x == x.rounded() && abs(x) < 1e6 ? "\(Int(x))" : FigureText.scientific(x)]
        + curves.map { curve in text(curve.points.first { $0.x == x }?.y) }
    }
    return FigureTable(header: [variable] + curves.map(\.name), rows: rows, words: [])
  }
}
