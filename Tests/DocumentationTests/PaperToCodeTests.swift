import Foundation
import Testing

/// The tables that lead from papers to code name what is in the file they link to.
@Suite struct PaperToCodeTests {
  @Test func everyNameIsInItsFile() throws {
    let page = try Page(Repository.root.appending(path: "Docs/Explanation/PaperToCode.md"))
    let headings = page.prose.filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) }
    var (count, file) = (0, "")
    for row in headings.flatMap({ page.rows(under: $0) }) where row.count == 3 {
      if let link = row[2].firstMatch(of: /\]\(([^)]+)\)/) {
        file = try contents(at: String(link.output.1), seenFrom: page.url)
      }
      // Options of the program and its commands, which hold a space, are tested elsewhere.
      for match in row[1].matches(of: /`([^-` ][^` ]*)`/) {
        // The last part of a path such as .iterative(.broyden()) or Tensor.slotMeans.
        let name = match.output.1.split(separator: "(")[0].split(separator: ".").last
        #expect(file.contains(try #require(name)), "\(match.output.1) is not in \(row[2])")
        count += 1
      }
    }
    #expect(count > 40, "the tables were not found")
  }

  /// The text of a source file, or of all source files of a folder.
  private func contents(at link: String, seenFrom page: URL) throws -> String {
    let url = page.deletingLastPathComponent().appending(path: link).standardized
    let files =
      url.pathExtension == "swift"
      ? [url]
      : try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
        .filter { $0.pathExtension == "swift" }
    return try files.map { try String(contentsOf: $0, encoding: .utf8) }.joined()
  }
}
