/// A line chart that becomes an SVG image.
///
/// ```swift
/// let chart = LineChart(
///   title: "Validation", x: .init("step"), y: .init("cross-entropy", unit: "nats", .logarithmic),
///   series: [.init("implicit", [(0, 800), (100, 130), (200, 61)])])
/// let text = chart.svg(.wide)
/// ```
/// Series differ by colour, dash pattern and marker, so that they can be told apart in black and
/// white and by readers who do not see all colours. Points that cannot be drawn (not finite, or not
/// positive on a logarithmic axis) interrupt their line. Where points are denser than pixels, the line
/// is their mean over three pixels (on a logarithmic axis the geometric mean), in a pale band from the
/// lowest to the highest. A series may have a band of its own, for the spread of what it is the mean of.
public struct LineChart: Sendable {
  /// How numbers become positions.
  public enum Scale: Sendable {
    /// Equal differences are equally far apart.
    case linear
    /// Equal ratios are equally far apart.
    case logarithmic
  }

  /// What an axis shows.
  public struct Axis: Sendable {
    /// The quantity.
    public let label: String
    /// Its unit, which follows the label in parentheses.
    public let unit: String?
    /// How it is drawn.
    public let scale: Scale

    /// An axis; by default without a unit, and linear.
    public init(_ label: String, unit: String? = nil, _ scale: Scale = .linear) {
      self.label = label
      self.unit = unit
      self.scale = scale
    }
  }

  /// A line.
  public struct Series: Sendable {
    /// What the legend calls it.
    public let name: String
    /// Its points, in the order in which they are joined.
    public let points: [(x: Double, y: Double)]
    /// The edges of a pale band around the line, such as the spread of several runs; empty for none.
    public let band: [(x: Double, low: Double, high: Double)]

    /// A line through points, by default without a band.
    public init(
      _ name: String, _ points: [(x: Double, y: Double)],
      band: [(x: Double, low: Double, high: Double)] = []
    ) {
      self.name = name
      self.points = points
      self.band = band
    }
  }

  /// The size of the image.
  public enum Form: Sendable {
    /// For one column of a page: 336 by 288 pixels (89 mm wide in print), the legend below.
    case narrow
    /// For the whole width: 672 by 336 pixels (178 mm wide in print), the legend at the right.
    case wide
  }

  /// What stands above; empty for nothing.
  public let title: String
  /// The horizontal axis.
  public let x: Axis
  /// The vertical axis.
  public let y: Axis
  /// The lines, in the order of the legend.
  public let series: [Series]

  /// A chart of some series.
  public init(title: String = "", x: Axis, y: Axis, series: [Series]) {
    self.title = title
    self.x = x
    self.y = y
    self.series = series
  }

  /// The image as SVG text; texts use the reader's own sans-serif font.
  public func svg(_ form: Form = .wide) -> String {
    ChartDrawing(self, form).document
  }
}
