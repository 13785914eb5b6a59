/// A line without interruption, in pixels.
///
/// Where points are denser than pixels, a line through all of them would be a smear in which dashes
/// cannot be seen. Then the line goes through the mean of each three columns of pixels, in a pale
/// band from the lowest to the highest point there; so a line of a million points also stays small.
struct SeriesPath {
  typealias Point = (x: Double, y: Double)

  /// What the line joins.
  private(set) var line: [Point]
  /// The outline of the band; empty if there is none.
  private(set) var band: [Point] = []

  private static let columnWidth = 3.0

  init(_ points: [Point]) {
    line = points
    let columns = SeriesPath.columns(of: points)
    guard points.count > 4 * columns.count else { return }
    line = columns.map { points in
      let sum = points.reduce((x: 0.0, y: 0.0)) { ($0.x + $1.x, $0.y + $1.y) }
      return (sum.x / Double(points.count), sum.y / Double(points.count))
    }
    let edges = zip(line, columns).map { point, points in
      (x: point.x, low: points.map(\.y).min() ?? point.y, high: points.map(\.y).max() ?? point.y)
    }
    band = edges.map { ($0.x, $0.low) } + edges.reversed().map { ($0.x, $0.high) }
  }

  /// Neighbouring points that lie in the same columns of pixels.
  private static func columns(of points: [Point]) -> [ArraySlice<Point>] {
    var result: [ArraySlice<Point>] = []
    var start = 0
    while start < points.count {
      let column = (points[start].x / columnWidth).rounded(.down)
      var end = start
      while end < points.count, (points[end].x / columnWidth).rounded(.down) == column { end += 1 }
      result.append(points[start..<end])
      start = end
    }
    return result
  }

  /// Every point of a short series; of a long one, points about equally far apart, which are shifted
  /// from series to series so that the markers of lines that coincide do not.
  static func markers(
    on points: [Point], from left: Double, to right: Double, series: Int
  ) -> [Point] {
    guard points.count > 12 else { return points }
    let distance = (right - left) / 7
    var next = left + distance * (0.3 + Double(series % 5) * 0.16)
    return points.filter { point in
      guard point.x >= next else { return false }
      next = point.x + distance
      return true
    }
  }
}
