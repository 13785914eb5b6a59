import Foundation
import Images
import ObjectCentric
import TestFolders
import Testing

/// A score of segmentations reaches the user: `slate evaluate` prints it, with what needs no model
/// beside it, and the reference says what it is.
@Suite struct MetricTests {
  @Test func everyScoreIsPrintedAndDocumented() throws {
    let mask = SegmentationMask(width: 2, height: 1, ids: [0, 1])
    let scores = Mirror(reflecting: SegmentationScores(predicted: mask, truth: mask)).children
    let folder = try TemporaryFolder()
    let run = folder.path("run")
    // Generated scenes have masks.
    #expect(try SlateProgram.trainTiny("--steps", "1", out: run).status == 0)
    let printed = try SlateProgram.run("evaluate", run, "--images", "4", "--json")
    #expect(printed.status == 0, "\(printed.errors)")
    let values = try #require(
      try JSONSerialization.jsonObject(with: Data(printed.output.utf8)) as? [String: Any])
    let names = values.keys.filter { values["kmeans_\($0)"] != nil }
    #expect(
      names.count == scores.count,
      "evaluate compares \(names.sorted()) with k-means, of scores \(scores.map { $0.label ?? "" })"
    )
    let page = URL(filePath: #filePath).appending(
      path: "../../../Docs/Reference/SlateCommandLine.md")
    let text = try String(contentsOf: page.standardized, encoding: .utf8)
    let section = try #require(
      text.components(separatedBy: "\n## ").first { $0.hasPrefix("slate evaluate\n") })
    let undocumented = values.keys.filter { name in
      !section.contains("`\(name)`") && !names.contains { name.hasSuffix("_" + $0) }
    }
    #expect(undocumented.sorted() == [], "slate evaluate prints what its reference does not name")
  }
}
