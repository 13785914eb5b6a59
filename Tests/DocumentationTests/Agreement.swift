import Foundation
import Testing

/// Whether a page shows what a program prints, as far as theory fixes it.
///
/// Kernels of different processors round sums differently. Words and whole numbers have to be equal.
/// Two kinds of numbers may be neighbours: a decimal fraction by a unit of its last digit, since what is
/// printed is rounded from values that agree up to rounding; and a count of evaluations by one, since a
/// residual may fall on either side of the tolerance.
enum Agreement {
  /// Whether all of `printed`, or some consecutive lines of it, agree with `shown`.
  static func holds(shown: String, printed: String, inPart: Bool) -> Bool {
    let expected = lines(shown)
    let actual = lines(printed)
    guard inPart else { return linesAgree(expected, actual) }
    guard expected.count <= actual.count else { return false }
    return (0...actual.count - expected.count).contains {
      linesAgree(expected, Array(actual[$0..<$0 + expected.count]))
    }
  }

  private static func lines(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  private static func linesAgree(_ a: [String], _ b: [String]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy(lineAgrees)
  }

  private static func lineAgrees(_ shown: String, _ printed: String) -> Bool {
    let number = /[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?/
    let (first, second) = (shown.matches(of: number), printed.matches(of: number))
    guard first.count == second.count,
      shown.replacing(number, with: "#") == printed.replacing(number, with: "#")
    else { return false }
    return zip(first, second).allSatisfy { a, b in
      let (text, other) = (String(a.output.0), String(b.output.0))
      if text == other { return true }
      guard let x = Double(text), let y = Double(other) else { return false }
      let isCount = shown[a.range.upperBound...].hasPrefix(" evaluation")
      let unit = isCount ? 1 : min(lastUnit(text), lastUnit(other))
      return abs(x - y) <= unit * 1.001
    }
  }

  /// The value of one in the last digit, or 0 of a whole number.
  private static func lastUnit(_ text: String) -> Double {
    let parts = text.split(separator: "e")
    let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    guard let point = parts[0].firstIndex(of: ".") else {
      return parts.count > 1 ? pow(10, Double(exponent)) : 0
    }
    let decimals = parts[0].distance(from: point, to: parts[0].endIndex) - 1
    return pow(10, Double(exponent - decimals))
  }
}

@Suite struct AgreementTests {
  @Test(arguments: [
    ("residual 3.46", "residual 3.47", true), ("residual 3.46", "residual 3.48", false),
    ("1.2e-05", "1.3e-05", true), ("1.2e-05", "1.2e-04", false), ("0.99", "1.00", true),
    ("all 4 converged in 39 evaluations", "all 4 converged in 40 evaluations", true),
    ("all 4 converged in 39 evaluations", "all 5 converged in 39 evaluations", false),
    ("39 evaluations", "41 evaluations", false), ("8 pullbacks", "9 pullbacks", false),
    ("below 1e-10", "above 1e-10", false), ("[384, 384]", "[384, 385]", false),
  ])
  func neighbours(_ shown: String, _ printed: String, _ agree: Bool) {
    #expect(Agreement.holds(shown: shown, printed: printed, inPart: false) == agree)
  }

  @Test func partsAreConsecutiveLines() {
    let printed = "a\nb 0.1\nc"
    #expect(Agreement.holds(shown: "b 0.2\nc", printed: printed, inPart: true))
    #expect(!Agreement.holds(shown: "a\nc", printed: printed, inPart: true))
    #expect(!Agreement.holds(shown: "b 0.1\nc", printed: printed, inPart: false))
  }
}
