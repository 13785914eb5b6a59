import Foundation
import Testing

/// Code in the documentation is code that compiles, and prints what is said.
///
/// A Swift block has the comment `sample: FILE#REGION` on the line before it, where the file marks
/// the region with `// snippet.REGION` and `// snippet.end`, or `sample: FILE` for all of it. A block with the comment
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
        let parts = comment.dropFirst("sample: ".count).split(separator: "#").map(String.init)
        guard (1...2).contains(parts.count) else {
          Issue.record("\(place): '\(comment)' names no file and region")
          continue
        }
        let region =
          parts.count == 2
          ? Repository.region(parts[1], of: parts[0]) : Repository.whole(parts[0])
        #expect(region != nil, "\(place): there is no \(comment.dropFirst("sample: ".count))")
        #expect(block.text == region, "\(place): differs from \(parts[0])")
      }
    }
    #expect(count >= 10, "the pages were not found")
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
