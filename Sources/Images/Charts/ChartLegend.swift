/// Where the entries of a legend stand: below each other, or in as many columns as there is space for.
struct ChartLegend {
  struct Entry {
    let x: Double
    let y: Double
    let lines: [String]
  }

  static let sampleWidth = 36.0

  let isColumn: Bool
  private(set) var entries: [Entry] = []
  private(set) var width = 0.0
  private(set) var height = 0.0

  /// A legend of names; nothing for a single series without a name, or none.
  init(_ names: [String], size: Double, lineHeight: Double, width limit: Double, isColumn: Bool) {
    self.isColumn = isColumn
    guard !names.isEmpty, names != [""] else { return }
    let texts = names.map {
      SVGText.lines($0, size: size, limit: limit - ChartLegend.sampleWidth - 6)
    }
    let widest = texts.joined().map { SVGText.width($0, size: size) }.max() ?? 0
    let columnWidth = ChartLegend.sampleWidth + 6 + widest
    let columns = isColumn ? 1 : max(1, Int((limit + 14) / (columnWidth + 14)))
    width = Double(columns) * (columnWidth + 14) - 14
    for (index, lines) in texts.enumerated() {
      if index % columns == 0, index > 0 { height += rowHeight(lineHeight) }
      entries.append(
        Entry(x: Double(index % columns) * (columnWidth + 14), y: height, lines: lines))
    }
    height += rowHeight(lineHeight)
  }

  /// The height of the last row so far: that of its highest entry.
  private func rowHeight(_ lineHeight: Double) -> Double {
    let row = entries.filter { $0.y == height }
    return lineHeight + Double((row.map(\.lines.count).max() ?? 1) - 1) * 12.5
  }
}
