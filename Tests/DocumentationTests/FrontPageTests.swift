import Foundation
import TestFolders
import Testing

/// What README shows beside samples and outputs: figures, the chart, and the package of its own.
@Suite struct FrontPageTests {
  private let page: Page

  init() throws { page = try Page(Repository.root.appending(path: "README.md")) }

  /// README's layer is the program of the package that `make test` builds from outside, and what it
  /// prints is compared for the same lines in Examples/FixedPoint.
  @Test func theLayerIsThatOfBothPrograms() throws {
    let outside = try #require(
      Repository.whole("Examples/Standalone/Sources/Standalone/main.swift"))
    let inside = try #require(Repository.region("layer", of: "Examples/FixedPoint/main.swift"))
    #expect(outside.hasSuffix(inside))
    let imports = outside.dropLast(inside.count).split(separator: "\n")
    #expect(imports.allSatisfy { $0.hasPrefix("import ") } && imports.count == 3)
  }

  /// The times of README are cells of a row of Benchmarks/RESULTS.md, and its memory too.
  @Test func figuresAreThoseOfTheResults() throws {
    let results = try Page(Repository.root.appending(path: "Benchmarks/RESULTS.md"))
    let measured = results.prose.filter { $0.hasPrefix("| ") }.map(cells)
    let shown = page.rows(under: "Speed and memory").dropFirst()
    #expect(shown.count >= 5)
    for row in shown {
      #expect(
        measured.contains { $0.starts(with: row) }, "RESULTS.md has no row \(row); copy it anew")
    }
    let sentence = try #require(
      page.text.firstMatch(of: /training step: (\d+) MB here, (\d+) MB in PyTorch/)?.output,
      "memory")
    let memory = try #require(
      measured.first { $0.count == 3 && $0[0] == "SLATE training step, 64x64, batch 32" })
    #expect(memory[1] == sentence.1)
    #expect(memory[2].contains("PyTorch, 2 threads \(sentence.2)"))
    let date = try #require(results.text.firstMatch(of: /on (\d{4}-\d\d-\d\d)/)?.output.1)
    #expect(page.text.contains("same parameters and inputs; \(date)"), "the date of RESULTS.md")
  }

  /// The committed chart has the parts of the one that its command draws.
  ///
  /// These are titles, axes, legend, and as many lines and marks. Where the points lie depends on
  /// rounding.
  @Test func theChartIsThatOfItsCommand() throws {
    let folder = try TemporaryFolder()
    let command = "CompareEstimators --cell slot-attention --repeats 0"
    #expect(page.text.contains("`swift run -c release \(command)` (`estimators-narrow.svg`)"))
    _ = try Program.output(of: "\(command) --out \(folder.path("charts"))")
    let drawn = try String(
      contentsOfFile: folder.path("charts/estimators-narrow.svg"), encoding: .utf8)
    let committed = try #require(Repository.whole("Docs/Results/estimators.svg"))
    #expect(structure(of: drawn) == structure(of: committed))
    #expect(structure(of: committed).count > 20)
  }

  @Test func versionIsThatOfTheProgram() throws {
    let version = try Program.output(of: "slate --version")
    #expect(page.text.contains("Version \(version):"))
    let changes = try Page(Repository.root.appending(path: "CHANGELOG.md"))
    let first = changes.prose.first { $0.hasPrefix("## ") && $0.contains(".") }
    #expect(first?.hasPrefix("## \(version) ") == true, "\(first ?? "no version")")
  }

  private func cells(_ row: String) -> [String] {
    row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  /// The elements of a drawing in their order, and the words in it; without numbers.
  private func structure(of svg: String) -> [String] {
    svg.split(separator: "\n").map { line in
      let elements = line.matches(of: /<([a-z]+)/).map { String($0.output.1) }
      let words = line.replacing(/<[^>]*>/, with: " ").replacing(/[-−0-9.]+/, with: "")
      return (elements + words.split(separator: " ").map(String.init)).joined(separator: " ")
    }
  }
}
