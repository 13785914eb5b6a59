import Foundation
import Testing

/// Code in the documentation is code that compiles, and prints what is said.
///
/// A Swift block has the comment `sample: FILE#REGION` on the line before it, where the file marks
/// the region with `// snippet.REGION` and `// snippet.end`, or `sample: FILE` for all of it;
/// `sample: FILE with A for B` is that file with A in place of each B. A block with the comment
/// `output: COMMAND` holds what the command prints, all of it; with `part of output: COMMAND`, some
/// consecutive lines of it. Digits are compared as far as they hold on every processor (`Agreement`). What
/// depends on more than rounding, or takes minutes, has the comment `measured: MACHINE`, and the page
/// says so in words.
@Suite struct SampleTests {
  @Test func everySwiftBlockIsARegionOfAnExample() throws {
    var count = 0
    for page in try Repository.pages() {
      for block in page.blocks where block.language == "swift" {
        count += 1
        let place = "\(page), line \(block.line)"
        guard let comment = block.comment, comment.hasPrefix("sample: ") else {
          Issue.record("\(place): a Swift block needs a comment <!-- sample: FILE#REGION -->")
          continue
        }
        let region = try sample(String(comment.dropFirst("sample: ".count)), place)
        #expect(region != nil, "\(place): there is no \(comment.dropFirst("sample: ".count))")
        #expect(block.text == region, "\(place): differs from its source")
      }
    }
    #expect(count >= 10, "the pages were not found")
  }

  /// The text that FILE, FILE#REGION or FILE with A for B stands for; nil if there is none.
  private func sample(_ name: String, _ place: String) throws -> String? {
    if let named = name.wholeMatch(of: /(\S+) with (\S+) for (\S+)/)?.output {
      let file = try #require(Repository.whole(String(named.1)), "\(place)")
      #expect(file.contains(named.3), "\(place): there is no \(named.3) to replace")
      return file.replacing(String(named.3), with: String(named.2))
    }
    let parts = name.split(separator: "#").map(String.init)
    try #require((1...2).contains(parts.count), "\(place): '\(name)' names no file and region")
    return parts.count == 2
      ? Repository.region(parts[1], of: parts[0]) : Repository.whole(parts[0])
  }

  @Test func everyOutputIsWhatTheCommandPrints() throws {
    var outputs: [String: String] = [:]
    var count = 0
    for page in try Repository.pages() {
      for block in page.blocks {
        guard let comment = block.comment, let range = comment.range(of: "output: ") else {
          continue
        }
        count += 1
        let command = String(comment[range.upperBound...])
        let output = try outputs[command] ?? Program.output(of: command)
        outputs[command] = output
        let shown = Program.withoutTrailingSpace(block.text)
        let agrees = Agreement.holds(
          shown: shown, printed: output, inPart: comment.hasPrefix("part of "))
        #expect(agrees, "\(page), line \(block.line): '\(command)' prints\n\(output)")
      }
    }
    #expect(count >= 5, "the pages were not found")
  }

  @Test func everyOutputIsPrintedByACommandOrMeasuredOnANamedMachine() throws {
    var measured = 0
    for page in try Repository.pages() {
      for block in page.blocks where block.language == "text" {
        let place = "\(page), line \(block.line)"
        let comment = block.comment ?? ""
        #expect(comment.contains("output: ") || comment.hasPrefix("measured: "), "\(place)")
        guard comment.hasPrefix("measured: ") else { continue }
        measured += 1
        #expect(comment.count > "measured: ".count, "\(place): on which machine?")
        #expect(
          page.prose.contains { $0.contains("depend on the processor") },
          "\(place): the page does not say that figures depend on the processor")
      }
    }
    #expect(measured >= 2, "the tutorial's blocks were not found")
  }
}
