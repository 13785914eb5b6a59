import Tensors

/// Central differences of a function of one number at 0, for steps over many orders of magnitude.
///
/// Large steps show curvature, and small steps show rounding. Between them lies a plateau on which
/// the difference does not depend on the step.
struct DifferenceSweep {
  /// The differences, in decreasing order of their steps.
  let points: [(step: Double, difference: Double)]

  /// - Parameters:
  ///   - dtype: the dtype in which the function is computed.
  ///   - function: a function of t; its error may be larger than the rounding of the dtype.
  init(_ dtype: DType, _ function: (Double) throws -> Double) rethrows {
    let root = 10.0.squareRoot()
    let count = dtype == .float64 ? 15 : 8
    var step = 0.1
    points = try (0..<count).map { _ in
      defer { step /= root }
      return (step, (try function(step) - function(-step)) / (2 * step))
    }
  }

  /// The difference on the plateau, which is the one that differs least from both its neighbours,
  /// and its distance from them.
  var plateau: (step: Double, difference: Double, spread: Double) {
    let inner = (1..<points.count - 1).map { index in
      let neighbours = [points[index - 1], points[index + 1]].map {
        abs($0.difference - points[index].difference)
      }
      let spread = max(neighbours[0], neighbours[1])
      return (
        points[index].step, points[index].difference, spread.isFinite ? spread : .infinity
      )
    }
    return inner.min { $0.2 < $1.2 } ?? (0, .nan, .infinity)
  }
}
