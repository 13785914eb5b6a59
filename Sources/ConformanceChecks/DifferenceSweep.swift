import Tensors

/// Central differences of a function of one number at 0, for steps over many orders of magnitude.
///
/// Large steps see curvature, small ones rounding; between them lies a plateau, where the
/// difference does not depend on the step.
struct DifferenceSweep {
  /// In falling order of the steps.
  let points: [(step: Double, difference: Double)]

  /// - Parameters:
  ///   - dtype: what the function is computed in.
  ///   - function: of t; may be of larger error than the dtype has.
  init(_ dtype: DType, _ function: (Double) throws -> Double) rethrows {
    let root = 10.0.squareRoot()
    let count = dtype == .float64 ? 15 : 8
    var step = 0.1
    points = try (0..<count).map { _ in
      defer { step /= root }
      return (step, (try function(step) - function(-step)) / (2 * step))
    }
  }

  /// The difference on the plateau: the one that differs least from both its neighbours, and by how
  /// much.
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
