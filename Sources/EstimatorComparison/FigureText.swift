import Foundation
import ImplicitLayers

/// Numbers and tables as text.
enum FigureText {
  /// Two significant decimals and an exponent: "3.73e-01".
  static func scientific(_ number: Double) -> String { String(format: "%.2e", number) }

  static func scientific(_ number: Double?) -> String { number.map { scientific($0) } ?? "-" }

  /// A number with so many decimals.
  static func fixed(_ number: Double?, _ decimals: Int) -> String {
    number.map { String(format: "%.\(decimals)f", $0) } ?? "-"
  }

  static func count(_ number: Int?) -> String { number.map(String.init) ?? "-" }

  /// Every digit that distinguishes a number; nothing for nil.
  static func exact(_ number: Double?) -> String { number.map { "\($0)" } ?? "" }

  static func exact(_ number: Int?) -> String { number.map(String.init) ?? "" }

  /// "converged", or "3 converged, 1 limitReached".
  static func outcomes(_ outcomes: [String]) -> String {
    var order: [String] = []
    for outcome in outcomes where !order.contains(outcome) { order.append(outcome) }
    if order.count == 1 { return words(order[0]) }
    return order.map { outcome in
      "\(outcomes.filter { $0 == outcome }.count) \(words(outcome))"
    }.joined(separator: ", ")
  }

  /// "limitReached" as words.
  private static func words(_ name: String) -> String {
    name.map { $0.isUppercase ? " \($0.lowercased())" : String($0) }.joined()
  }
}

/// A table of texts, in the forms in which tables are written.
package struct FigureTable {
  let header: [String]
  let rows: [[String]]
  /// The columns of words, which are aligned at the left; numbers are at the right.
  let words: Set<Int>

  /// A table whose rows have as many cells as its header.
  package init(header: [String], rows: [[String]], words: Set<Int>) {
    self.header = header
    self.rows = rows
    self.words = words
  }

  /// For a terminal: columns as wide as their widest entry.
  package var aligned: String {
    let widths = header.indices.map { column in
      ([header] + rows).map { $0[column].count }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      let padded = cells.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - cells[column].count)
        return words.contains(column) ? cells[column] + space : space + cells[column]
      }
      return padded.joined(separator: "  ").trimmingSuffix { $0 == " " }
    }
    let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
    return ([line(header), rule] + rows.map(line)).joined(separator: "\n")
  }

  /// The table in Markdown, for a page.
  package var markdown: String {
    func line(_ cells: [String]) -> String {
      "| "
        + cells.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ")
        + " |"
    }
    let rule = header.indices.map { words.contains($0) ? "---" : "---:" }
    return ([line(header), "|" + rule.joined(separator: "|") + "|"] + rows.map(line))
      .joined(separator: "\n")
  }

  /// The table as comma-separated values, by RFC 4180, with line feeds.
  package var csv: String {
    func quoted(_ cell: String) -> String {
      cell.contains(where: { ",\"\n\r".contains($0) })
        ? "\"" + cell.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : cell
    }
    return ([header] + rows).map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
  }
}

extension String {
  fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
    var text = self
    while let last = text.last, predicate(last) { text.removeLast() }
    return text
  }
}

extension Encodable {
  /// JSON with sorted keys; numbers that JSON does not know become texts.
  func figureJSON() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}
