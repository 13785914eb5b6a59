import Foundation

/// The range and the ticks of an axis.
struct AxisTicks {
  /// A labelled tick.
  struct Major: Equatable {
    let value: Double
    /// "250", or "10" with an exponent.
    let label: String
    let exponent: String?

    init(_ value: Double, _ label: String, exponent: String? = nil) {
      self.value = value
      self.label = label
      self.exponent = exponent
    }
  }

  let scale: LineChart.Scale
  private(set) var range: ClosedRange<Double>
  private(set) var majors: [Major] = []
  private(set) var minors: [Double] = []
  /// The labels show the numbers divided by 10 to this power.
  private(set) var commonExponent = 0

  /// Ticks for numbers that can be drawn on the scale.
  ///
  /// - Parameters:
  ///   - numbers: finite, and positive on a logarithmic scale; may be empty.
  ///   - scale: how numbers become positions.
  ///   - count: about how many labels there is space for.
  ///   - isTight: whether the range is the numbers' own unless a tick is near, rather than rounded
  ///     to ticks.
  init(_ numbers: [Double], _ scale: LineChart.Scale, count: Int, isTight: Bool) {
    self.scale = scale
    let (low, high) = (numbers.min(), numbers.max())
    switch scale {
    case .linear:
      range = 0...1
      setLinear(low ?? 0, high ?? 1, count: count, isTight: isTight)
    case .logarithmic:
      range = 1...10
      setLogarithmic(low ?? 1, high ?? 10, count: count)
    }
  }

  /// Where a number lies between the ends of the range, 0 to 1.
  func fraction(of number: Double) -> Double {
    switch scale {
    case .linear: (number - range.lowerBound) / (range.upperBound - range.lowerBound)
    case .logarithmic:
      (log(number) - log(range.lowerBound)) / (log(range.upperBound) - log(range.lowerBound))
    }
  }

  // MARK: Linear

  /// Steps of 1, 2 or 5 times a power of ten.
  private mutating func setLinear(_ low: Double, _ high: Double, count: Int, isTight: Bool) {
    var (low, high) = (low, high)
    if high - low <= max(1e-12 * max(abs(low), abs(high)), 1e-290) {
      let room = abs(low) < 1e-290 ? 1 : abs(low) / 10
      (low, high) = (low - room, high + room)
    }
    // An axis that nearly reaches 0 begins there.
    if !isTight, low > 0, low < 0.3 * high { low = 0 }
    let rough = (high - low) / Double(max(count, 2))
    let power = pow(10, log10(rough).rounded(.down))
    let factor = [1.0, 2, 5, 10].first { $0 * power >= rough * 0.9999 } ?? 10
    let step = factor * power
    let parts = factor == 2 ? 4.0 : 5
    let small = step / parts
    if isTight {
      let (first, last) = ((low / step).rounded(.down) * step, (high / step).rounded(.up) * step)
      if low - first < 0.03 * (high - low) { low = first }
      if last - high < 0.03 * (high - low) { high = last }
    } else {
      low = (low / small + 1e-9).rounded(.down) * small
      high = (high / small - 1e-9).rounded(.up) * small
    }
    range = low...high

    let largest = max(abs(low), abs(high))
    if largest >= 1e7 || largest < 1e-3 { commonExponent = Int(log10(largest).rounded(.down)) }
    let unit = pow(10, Double(commonExponent))
    let decimals = max(0, -Int((log10(step / unit) + 1e-9).rounded(.down)))
    for index in Int((low / small - 1e-6).rounded(.up))...Int((high / small + 1e-6).rounded(.down))
    {
      let value = Double(index) * small
      if index % Int(parts) == 0 {
        majors.append(Major(value, AxisTicks.text(value / unit, decimals: decimals)))
      } else {
        minors.append(value)
      }
    }
  }

  /// A number with a true minus sign, and thin spaces between groups of three digits from five on.
  static func text(_ value: Double, decimals: Int) -> String {
    let magnitude = String(format: "%.\(decimals)f", abs(value))
    let parts = magnitude.split(separator: ".")
    var whole = String(parts[0])
    if whole.count > 4 {
      var groups: [Substring] = []
      var rest = whole[...]
      while rest.count > 3 {
        groups.insert(rest.suffix(3), at: 0)
        rest = rest.dropLast(3)
      }
      whole = ([rest] + groups).joined(separator: "\u{2009}")
    }
    let isZero = !magnitude.contains { $0 != "0" && $0 != "." }
    let text = ([Substring(whole)] + parts.dropFirst()).joined(separator: ".")
    return value < 0 && !isZero ? "\u{2212}" + text : text
  }

  // MARK: Logarithmic

  /// Powers of ten; over less than two decades also their multiples by 2 and 5.
  ///
  /// Between 0.01 and
  /// 10,000 the numbers are written out.
  private mutating func setLogarithmic(_ low: Double, _ high: Double, count: Int) {
    let multiples = [1.0, 2, 5]
    let floor = { (number: Double) -> Double in
      let power = pow(10, log10(number).rounded(.down))
      return power * (multiples.last { $0 * power <= number * (1 + 1e-9) } ?? 1)
    }
    let ceiling = { (number: Double) -> Double in
      let power = pow(10, log10(number).rounded(.down))
      return power * (multiples.first { $0 * power >= number * (1 - 1e-9) } ?? 10)
    }
    var (low, high) = (floor(low), ceiling(high))
    if high <= low * 1.0001 { (low, high) = (floor(low * 0.99), ceiling(high * 1.01)) }
    range = low...high
    let first = Int((log10(low) + 1e-9).rounded(.down))
    let last = Int((log10(high) - 1e-9).rounded(.up))
    let decades = log10(high) - log10(low)
    let stride = max(1, Int((decades / Double(max(count, 1))).rounded(.up)))
    let isShort = decades < 2
    let writtenOut = low >= 0.01 * (1 - 1e-9) && high <= 10_000 * (1 + 1e-9)
    for exponent in first...last {
      let power = pow(10, Double(exponent))
      for multiple in 1...9 {
        let value = Double(multiple) * power
        guard value >= low * (1 - 1e-9), value <= high * (1 + 1e-9) else { continue }
        let isMajor = multiple == 1 ? exponent % stride == 0 : isShort && [2, 5].contains(multiple)
        if isMajor {
          majors.append(AxisTicks.logarithmicLabel(value, exponent, writtenOut: writtenOut))
        } else if stride == 1 || multiple == 1 {
          minors.append(value)
        }
      }
    }
  }

  private static func logarithmicLabel(
    _ value: Double, _ exponent: Int, writtenOut: Bool
  ) -> Major {
    if writtenOut {
      return Major(value, text(value, decimals: max(0, -exponent)))
    }
    let power = exponent < 0 ? "\u{2212}\(-exponent)" : "\(exponent)"
    let multiple = Int((value / pow(10, Double(exponent))).rounded())
    return Major(value, multiple == 1 ? "10" : "\(multiple)·10", exponent: power)
  }
}
