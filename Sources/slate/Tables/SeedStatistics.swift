import Foundation

/// The mean and the spread of a number over seeds.
struct SeedStatistics: Codable, Equatable, Sendable {
  let mean: Double
  /// The standard deviation of a sample, with n - 1; nil for one number, and where it is too large for
  /// a number.
  let deviation: Double?
  /// The count of the numbers.
  let count: Int

  /// The statistics of some numbers; nil if there are none, or if one is not finite.
  init?(_ numbers: [Double]) {
    guard !numbers.isEmpty, numbers.allSatisfy(\.isFinite) else { return nil }
    count = numbers.count
    let (n, sum) = (Double(count), numbers.reduce(0, +))
    let mean = sum.isFinite ? sum / n : numbers.reduce(0) { $0 + $1 / n }
    self.mean = mean
    guard count > 1 else {
      deviation = nil
      return
    }
    var found = (numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)).squareRoot()
    if !found.isFinite, let largest = numbers.map({ abs($0 - mean) }).max() {
      // The squares are too large, but the deviation need not be.
      let squares = numbers.reduce(0) { sum, number in
        let share = (number - mean) / largest
        return sum + share * share
      }
      found = largest * (squares / (n - 1)).squareRoot()
    }
    deviation = found.isFinite ? found : nil
  }

  /// The mean and the deviation as "35.1 ± 2.3".
  ///
  /// The deviation has two digits; the mean has as many decimals, but at most one beyond its third
  /// digit.
  var text: String {
    guard let deviation, deviation == 0 || (1e-4..<1e15).contains(max(abs(mean), deviation)),
      abs(mean) < 1e15
    else {
      return deviation.map { "\(mean.brief) ± \($0.brief)" } ?? mean.brief
    }
    let ofMean = SeedStatistics.decimals(of: mean, digits: 4)
    let decimals =
      deviation > 0
      ? min(ofMean, SeedStatistics.decimals(of: deviation, digits: 2)) : max(0, ofMean - 1)
    return String(format: "%.\(decimals)f ± %.\(decimals)f", mean, deviation)
  }

  /// The number of decimals that show so many significant digits.
  private static func decimals(of number: Double, digits: Int) -> Int {
    guard number != 0 else { return digits - 1 }
    return max(0, digits - 1 - Int(log10(abs(number)).rounded(.down)))
  }
}

/// A straight line through points by least squares.
struct LineFit: Codable, Equatable, Sendable {
  /// The slope: how much y grows with x.
  let slope: Double
  /// The intercept: y at x = 0.
  let intercept: Double
  /// Half the width of the slope's 95% confidence interval, by Student's distribution with n - 2
  /// degrees of freedom; nil for two points.
  let halfWidth: Double?
  /// The number of points.
  let count: Int

  /// The line through points; nil if all of them have the same x, or if they are too large for a line
  /// of finite numbers.
  init?(_ points: [CurvePoint]) {
    count = points.count
    let n = Double(points.count)
    let (meanX, meanY) = (
      points.reduce(0) { $0 + $1.x } / n, points.reduce(0) { $0 + $1.y } / n
    )
    let squares = points.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
    guard squares > 0, squares.isFinite else { return nil }
    let slope = points.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) } / squares
    let intercept = meanY - slope * meanX
    guard slope.isFinite, intercept.isFinite else { return nil }
    (self.slope, self.intercept) = (slope, intercept)
    guard points.count > 2 else {
      halfWidth = nil
      return
    }
    let rest = points.reduce(0) { sum, point in
      let error = point.y - intercept - slope * point.x
      return sum + error * error
    }
    let error = (rest / (n - 2) / squares).squareRoot()
    guard error.isFinite else { return nil }
    halfWidth = LineFit.quantile(degrees: points.count - 2) * error
  }

  /// The 97.5% quantile of Student's distribution.
  ///
  /// For one and two degrees of freedom it is a closed form; for more, the expansion in the inverse
  /// of their number (Fisher and Cornish 1960), which is accurate to 0.2% from three on.
  static func quantile(degrees: Int) -> Double {
    if degrees == 1 { return 12.706204736 }
    if degrees == 2 { return 4.3026527297 }
    let (z, n) = (1.9599639845, Double(degrees))
    let terms = [
      (pow(z, 3) + z) / 4,
      (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / 96,
      (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / 384,
      (79 * pow(z, 9) + 776 * pow(z, 7) + 1482 * pow(z, 5) - 1920 * pow(z, 3) - 945 * z) / 92160,
    ]
    return terms.enumerated().reduce(z) { $0 + $1.element / pow(n, Double($1.offset + 1)) }
  }

  /// The slope with its confidence interval, as "0.123 [0.1, 0.146]".
  var text: String {
    halfWidth.map { "\(slope.brief) [\((slope - $0).brief), \((slope + $0).brief)]" }
      ?? slope.brief
  }
}

extension Double {
  /// A number with three significant digits; whole from a thousand on.
  var brief: String {
    if abs(self) >= 1000, abs(self) < 1e7 { return String(format: "%.0f", self) }
    return String(format: "%.3g", self)
  }
}
