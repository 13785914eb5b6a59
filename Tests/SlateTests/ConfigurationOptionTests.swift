import ArgumentParser
import Foundation
import Testing

@testable import slate

/// Every value of a configuration has an option, and the option changes it.
///
/// An option that is declared and not handed on in `ConfigurationOptions.resolved` compiles and would
/// be ignored in silence; so would a value of `RunConfiguration` that has no option.
@Suite struct ConfigurationOptionTests {
  /// The names of the stored properties of a value, without the underscore of a wrapped one.
  private func properties(of value: Any) -> Set<String> {
    Set(
      Mirror(reflecting: value).children.compactMap(\.label).map { String($0.trimmingPrefix("_")) })
  }

  @Test func everyValueHasAnOptionAndEveryOptionAValue() {
    let options = properties(of: ConfigurationOptions()).subtracting(["preset", "config"])
    let values = properties(of: RunConfiguration())
    #expect(values.subtracting(options).sorted() == [], "values that no option changes")
    #expect(options.subtracting(values).sorted() == [], "options that no value belongs to")
    #expect(values.count > 30)
  }

  @Test(arguments: Mirror(reflecting: RunConfiguration()).children.compactMap(\.label).sorted())
  func anOptionChangesItsValue(name: String) throws {
    let option = name.map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }.joined()
    let before = try value(name, of: ConfigurationOptions.parse([]).resolved())
    // Some of these are refused for some options; one that is taken is enough.
    let attempts =
      switch before {
      case is Bool: [["--no-\(option)"], ["--\(option)"]]
      case let number as Int: [number * 2, number + 1, 1, 2].map { ["--\(option)", "\($0)"] }
      case let number as UInt64: [["--\(option)", "\(number + 1)"]]
      case is Double: ["0.25", "0.5", "2"].map { ["--\(option)", $0] }
      default:
        ["random", "learned", "sinusoidal", "anderson", "exact"].map { ["--\(option)", $0] }
      }
    let outcomes = attempts.map { words in
      Result {
        try value(name, of: ConfigurationOptions.parse(words).resolved())
      }
    }
    #expect(
      outcomes.contains { (try? $0.get()).map { "\($0)" != "\(before)" } ?? false },
      "--\(option) leaves \(name) at \(before): is it handed on in ConfigurationOptions.resolved? \(outcomes)"
    )
  }

  private func value(_ name: String, of configuration: RunConfiguration) throws -> Any {
    try #require(Mirror(reflecting: configuration).children.first { $0.label == name }).value
  }
}
