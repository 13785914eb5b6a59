import Foundation

/// The files of this repository, as the tests' sources see them.
enum Repository {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The pages at the top of the repository, every page of Docs, and the overviews of modules.
  static func pages() throws -> [Page] {
    let found = ["Docs", "Sources"].flatMap { folder in
      let files = FileManager.default.enumerator(
        at: root.appending(path: folder), includingPropertiesForKeys: nil)
      return (files?.allObjects ?? []).compactMap { $0 as? URL }
        .filter { $0.pathExtension == "md" }
    }
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
      .map { root.appending(path: $0) }
    return try (top + found.sorted { $0.path < $1.path }).map { try Page($0) }
  }

  /// A file without the line feeds at its end; nil if it is missing.
  static func whole(_ path: String) -> String? {
    (try? String(contentsOf: root.appending(path: path), encoding: .utf8))?
      .trimmingCharacters(in: .newlines)
  }

  /// The lines of a file between `// snippet.NAME` and `// snippet.end`, without the indentation
  /// that they share; nil if the file or the region is missing, or empty.
  static func region(_ name: String, of path: String) -> String? {
    guard
      let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    else { return nil }
    var lines: [Substring] = []
    var isInside = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let marker = line.trimmingCharacters(in: .whitespaces)
      if marker == "// snippet.\(name)" {
        isInside = true
      } else if marker.hasPrefix("// snippet.") {
        isInside = false
      } else if isInside {
        lines.append(line)
      }
    }
    let depth = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min()
    guard let depth else { return nil }
    return lines.map { String($0.dropFirst(depth)) }.joined(separator: "\n")
  }
}
