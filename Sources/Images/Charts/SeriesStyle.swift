/// How a series is drawn: no two of the first seven share a colour, a dash pattern or a marker.
///
/// The colours are those of Okabe and Ito, which colour-blind readers can tell apart, without
/// yellow, which is too pale for a line.
struct SeriesStyle {
  let color: String
  let dashes: String?
  let marker: Marker

  enum Marker: CaseIterable {
    case circle, square, triangle, diamond, cross, wedge, plus

    /// The outline around (0, 0), about 6 pixels wide.
    var path: String {
      switch self {
      case .circle: "M-2.8 0a2.8 2.8 0 1 0 5.6 0a2.8 2.8 0 1 0 -5.6 0z"
      case .square: "M-2.5 -2.5h5v5h-5z"
      case .triangle: "M0 -3.4L3.1 2.2H-3.1z"
      case .diamond: "M0 -3.5L3.1 0L0 3.5L-3.1 0z"
      case .cross: "M-2.6 -2.6L2.6 2.6M-2.6 2.6L2.6 -2.6"
      case .wedge: "M0 3.4L3.1 -2.2H-3.1z"
      case .plus: "M-3.2 0H3.2M0 -3.2V3.2"
      }
    }
  }

  /// The style of a series by its position; styles repeat after 7 times 7 combinations.
  init(_ position: Int) {
    let round = position / SeriesStyle.colors.count
    color = SeriesStyle.colors[position % SeriesStyle.colors.count]
    let pattern = SeriesStyle.patterns[(position + round) % SeriesStyle.patterns.count]
    dashes = pattern.isEmpty ? nil : pattern
    let markers = Marker.allCases
    marker = markers[(position + round) % markers.count]
  }

  private static let colors = [
    "#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
  ]
  private static let patterns = ["", "7 3", "2 2", "9 3 2 3", "4 2", "12 4", "6 2 2 2 2 2"]
}
