/// Text in SVG: escaping, and how wide it will be.
///
/// No font is embedded, so widths are estimates for common sans-serif fonts, on the safe side.
enum SVGText {
  /// Text that may stand in an element or an attribute; characters that XML forbids are left out.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result += " "
      case _ where scalar.value < 0x20 || scalar.value & 0xfffe == 0xfffe: break
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The width of a line in pixels at a font size.
  static func width(_ text: String, size: Double) -> Double {
    text.unicodeScalars.reduce(0) { sum, scalar in
      let ems: Double =
        switch scalar {
        case "i", "j", "l", "t", "f", "I", ".", ",", ":", ";", "|", "'", "(", ")", "/", " ",
          "\u{2009}":
          0.32
        case "m", "w", "M", "W", "%", "@", "—": 0.9
        case "A"..."Z", "\u{2212}", "=", "+": 0.68
        case _ where scalar.value > 0x2e80: 1
        default: 0.56
        }
      return sum + ems * size
    }
  }

  /// Text broken between words into lines no wider than `limit`; longer words stay whole.
  static func lines(_ text: String, size: Double, limit: Double) -> [String] {
    var lines: [String] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      if let last = lines.last, width("\(last) \(word)", size: size) <= limit {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
