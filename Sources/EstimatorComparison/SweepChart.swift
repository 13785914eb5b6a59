import Images
import ImplicitLayers

// Comparisons as charts. The type that compares does not draw, and the module that draws does not
// compare; this file connects them.

extension LineChart {
  /// The curves of a sweep, on logarithmic axes.
  public init(_ sweep: ComparisonSweep) {
    self.init(
      title: sweep.title,
      x: Axis(sweep.variable, sweep.isLogarithmic ? .logarithmic : .linear),
      y: Axis(sweep.quantity, unit: sweep.unit, .logarithmic),
      series: sweep.curves.map { curve in
        Series(curve.name, curve.points.map { ($0.x, $0.y) })
      })
  }

  /// Each estimator a point, its relative error against its pullbacks.
  ///
  /// The estimators of a family are a series, joined in the order of their costs. Errors below
  /// 1e-13 are rounding, as is that of the reference itself, and are not drawn.
  public init(errorsOf report: ComparisonReport, title: String = "Estimators") {
    var order: [String] = []
    var points: [String: [(x: Double, y: Double)]] = [:]
    for row in report.rows {
      guard let error = row.overall?.relativeError, let pullbacks = row.pullbacks,
        error > 1e-13
      else { continue }
      if points[row.family] == nil { order.append(row.family) }
      points[row.family, default: []].append((Double(pullbacks), error))
    }
    self.init(
      title: title, x: Axis("products with the transposed Jacobian", .logarithmic),
      y: Axis("relative error of the gradient", .logarithmic),
      series: order.map { name in
        Series(name, points[name, default: []].sorted { ($0.x, $1.y) < ($1.x, $0.y) })
      })
  }
}
