import Foundation
import Testing

/// Docs/Reference/SlateCommandLine.md says what `slate` itself says.
@Suite struct SlateReferenceTests {
  private let page: Page

  init() throws {
    page = try Page(
      Repository.root.appending(path: "Docs/Reference/SlateCommandLine.md"))
  }

  /// Options of every command.
  private let common: Set<String> = ["--help", "--version"]

  private func options(in text: String) -> Set<String> {
    Set(text.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) }).subtracting(common)
  }

  /// The options that a row "configuration" stands for.
  private var configuration: Set<String> {
    let values = page.rows(under: "slate train").filter { $0.count == 5 }.map { $0[0] }
    return options(in: values.joined(separator: "\n")).union(["--preset", "--config"])
  }

  /// The commands that `slate help` lists, with their subcommands.
  private func commands() throws -> [String] {
    let top = try subcommands(of: "slate")
    return try top.flatMap { command -> [String] in
      let inner = try subcommands(of: "slate \(command)")
      return inner.isEmpty ? [command] : inner.map { "\(command) \($0)" }
    }
  }

  private func subcommands(of command: String) throws -> [String] {
    let words = command.split(separator: " ").dropFirst().joined(separator: " ")
    let help = try Program.output(of: words.isEmpty ? "slate help" : "slate help \(words)")
    guard let start = help.range(of: "SUBCOMMANDS:\n") else { return [] }
    return help[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
      .prefix { !$0.isEmpty }
      .filter { !$0.hasPrefix("   ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
  }

  @Test func everyCommandHasASection() throws {
    let sections = page.prose.filter { $0.hasPrefix("## slate ") }.map { String($0.dropFirst(9)) }
    let commands = try commands()
    #expect(commands.count >= 7, "slate help lists \(commands)")
    #expect(Set(sections) == Set(commands))
  }

  @Test func everyOptionHasARow() throws {
    for command in try commands() {
      let help = try Program.output(of: "slate help \(command)")
      // The names, without the texts beside them, which may speak of other options.
      let listed = help.split(separator: "\n").filter { $0.hasPrefix("  -") }
        .map { line in line.dropFirst(2).firstRange(of: "  ").map { line[..<$0.lowerBound] } ?? line
        }
        .joined(separator: "\n")
      let names = page.rows(under: "slate \(command)").compactMap(\.first)
      var documented = options(in: names.joined(separator: "\n"))
      if names.contains("configuration") { documented.formUnion(configuration) }
      let real = options(in: listed)
      #expect(
        real.subtracting(documented).sorted() == [], "not in the table of slate \(command)")
      #expect(
        documented.subtracting(real).sorted() == [], "slate \(command) has no such option")
    }
  }

  /// The tables of gradients and solvers have the forms that the options take.
  @Test func everyFormHasARow() throws {
    let help = try Program.output(of: "slate help train").replacing(/\s+/, with: " ")
    for (option, text) in [
      ("gradient", /--gradient <form> [^:]*: (.*?) \(quickstart/),
      ("solver", /--solver <form> [^:]*: (.*?) \(quickstart/),
    ] {
      let list = try #require(help.firstMatch(of: text)?.output.1, "\(option)")
      let forms = Set(list.replacing(" (the last ones only)", with: "").split(separator: ", "))
      let rows = page.rows(under: "Gradients and solvers").compactMap(\.first)
      let shown = rows.flatMap { $0.matches(of: /`([^`]*)`/).map(\.output.1) }
      #expect(forms.count > 5)
      for form in forms { #expect(shown.contains(form), "\(option) \(form)") }
    }
  }

  /// Command lines in any page have options that exist.
  @Test func shownCommandsHaveTheirOptions() throws {
    var count = 0
    for command in try commands() {
      let known = options(in: try Program.output(of: "slate help \(command)"))
      for page in try Repository.pages() {
        for line in page.text.split(separator: "\n") {
          guard let start = line.firstRange(of: "slate \(command) ") else { continue }
          let shown = options(in: String(line[start.upperBound...].prefix { $0 != "`" }))
          count += shown.count
          #expect(shown.isSubset(of: known), "\(page): \(line)")
        }
      }
    }
    #expect(count > 10, "the pages were not found")
  }

  /// The columns of defaults are those of `--print-config`.
  @Test(arguments: [(1, "quickstart"), (2, "shapes3d"), (3, "paper-64")])
  func defaultsAreThoseOfThePresets(column: Int, preset: String) throws {
    let text = try Program.output(of: "slate train --preset \(preset) --print-config")
    let values = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    var seen: Set<String> = []
    for row in page.rows(under: "slate train") where row.count == 5 {
      guard let option = row[0].firstMatch(of: /--([a-z][a-z0-9-]*)/)?.output.1 else { continue }
      let key = String(option).replacing("-", with: "_")
      seen.insert(key)
      let value = try #require(values[key], "the configuration has no \(key)")
      let shown = row[column].replacing(",", with: "")
      let agrees =
        if let number = Double(shown) { number == (value as? NSNumber)?.doubleValue } else {
          ["on", "off"].contains(shown)
            ? (value as? Bool) == (shown == "on") : shown == value as? String
        }
      #expect(agrees, "--\(option): \(preset) has \(value), the table \(shown)")
    }
    #expect(Set(values.keys).subtracting(seen).sorted() == [], "values without a row")
  }
}
