import Foundation

/// A page of documentation, taken apart as far as the tests look at it.
struct Page: Sendable, CustomStringConvertible {
  /// A fenced block, with the HTML comment on the line before it.
  struct Block: Sendable {
    let language: String
    let text: String
    let comment: String?
    let line: Int
  }

  let url: URL
  let text: String
  let blocks: [Block]
  /// The lines outside of fenced blocks.
  let prose: [String]

  init(_ url: URL) throws {
    self.url = url
    text = try String(contentsOf: url, encoding: .utf8)
    var (blocks, prose): ([Block], [String]) = ([], [])
    var open: (language: String, comment: String?, line: Int, lines: [String])?
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    for (index, line) in lines.enumerated() {
      if line.hasPrefix("```") {
        if let block = open {
          blocks.append(
            Block(
              language: block.language, text: block.lines.joined(separator: "\n"),
              comment: block.comment, line: block.line))
          open = nil
        } else {
          let before = index > 0 ? lines[index - 1] : ""
          open = (String(line.dropFirst(3)), Page.comment(before), index + 1, [])
        }
      } else if open != nil {
        open?.lines.append(line)
      } else {
        prose.append(line)
      }
    }
    (self.blocks, self.prose) = (blocks, prose)
  }

  /// What stands in an HTML comment that fills a line.
  private static func comment(_ line: String) -> String? {
    guard line.hasPrefix("<!--"), line.hasSuffix("-->") else { return nil }
    return line.dropFirst(4).dropLast(3).trimmingCharacters(in: .whitespaces)
  }

  /// The path in the repository.
  var description: String {
    String(url.path.dropFirst(Repository.root.path.count).drop { $0 == "/" })
  }

  /// The targets of links and pictures.
  var links: [String] {
    prose.flatMap { line in line.matches(of: /\]\(([^)\s]+)\)/).map { String($0.output.1) } }
  }

  /// The anchors of the headings, formed as on code-hosting sites.
  var anchors: Set<String> {
    Set(
      prose.filter { $0.hasPrefix("#") }.map { heading in
        heading.drop { $0 == "#" || $0 == " " }.lowercased()
          .filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
          .replacingOccurrences(of: " ", with: "-")
      })
  }

  /// The rows of tables under the heading of level 2 that reads `heading`: their cells.
  func rows(under heading: String) -> [[String]] {
    var (rows, isUnder): ([[String]], Bool) = ([], false)
    for line in prose {
      if line.hasPrefix("## ") { isUnder = line == "## \(heading)" }
      guard isUnder, line.hasPrefix("|"), !line.hasPrefix("| --"), !line.hasPrefix("|--") else {
        continue
      }
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
      rows.append(cells.dropFirst().dropLast().map { $0.trimmingCharacters(in: .whitespaces) })
    }
    return rows
  }
}
