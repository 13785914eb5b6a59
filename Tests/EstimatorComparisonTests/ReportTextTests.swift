import EstimatorComparison
import Foundation
import ImplicitLayers
import Tensors
import TestSupport
import Testing

@Suite struct ReportTextTests {
  private let report: ComparisonReport

  init() throws {
    report = try comparison(
      .manufacturedTanh(0.25),
      estimators: [
        ComparedEstimator("one step", .oneStep),
        ComparedEstimator("exact, \"LU\" | dense", .exact),
        ComparedEstimator("reuse", .quasiNewtonReuse()),
      ]
    ).report()
  }

  @Test("the columns of the table are aligned")
  func table() throws {
    let lines = report.table.split(separator: "\n")
    let rule = try #require(lines.firstIndex { $0.hasPrefix("---") })
    let starts = zip(lines[rule].indices, lines[rule]).filter { index, character in
      character == "-"
        && (index == lines[rule].startIndex
          || lines[rule][lines[rule].index(before: index)] == " ")
    }.map { lines[rule].distance(from: lines[rule].startIndex, to: $0.0) }
    #expect(starts.count == 8)
    for line in lines[rule + 1...rule + 3] {
      for start in starts.dropFirst() where start < line.count {
        #expect(line[line.index(line.startIndex, offsetBy: start - 1)] == " ", "\(line)")
      }
    }
    #expect(lines.contains { $0.hasPrefix("one step ") && $0.contains("not measured") })
    #expect(lines.contains { $0.contains("does not apply: ") })
  }

  @Test("CSV: a line for each estimator and group, quoted where needed")
  func csv() {
    let lines = report.csv.split(separator: "\n")
    #expect(lines.count == 1 + 3 + 3 + 1)
    #expect(lines[0].hasPrefix("estimator,group,cosine,relative_error,"))
    #expect(lines[1].hasPrefix("one step,all,"))
    #expect(lines[2].hasPrefix("one step,W,"))
    #expect(lines[4].hasPrefix("\"exact, \"\"LU\"\" | dense\",all,"))
    let number = lines[3].split(separator: ",", omittingEmptySubsequences: false)[3]
    #expect(Double(number) == report.rows[0].groups[1].relativeError)
  }

  @Test("JSON holds the whole report")
  func json() throws {
    let read = try JSONDecoder().decode(
      ComparisonReport.self, from: Data(try report.json().utf8))
    #expect(read.rows.map(\.name) == report.rows.map(\.name))
    #expect(read.rows[0].groups == report.rows[0].groups)
    #expect(read.spectrum?.radii == report.spectrum?.radii)
    #expect(read.samples == report.samples)
  }

  @Test("Markdown: every line of a table has as many cells as its header")
  func markdown() {
    let lines = report.markdown.split(separator: "\n").filter { $0.hasPrefix("|") }
    let cells = { (line: Substring) in
      line.replacingOccurrences(of: "\\|", with: "").filter { $0 == "|" }.count
    }
    #expect(lines.prefix(5).allSatisfy { cells($0) == cells(lines[0]) })
  }
}
