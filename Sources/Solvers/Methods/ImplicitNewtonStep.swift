import Tensors

/// The end of a step, with the derivative of the fixed point there: v -> (I - J^T)^-1 v ->
/// df/dtheta.
///
/// A step s is differentiated as what it converges to. This differs from the derivative of its
/// arithmetic by O(|s|) and makes unrolling over Newton's method the exact adjoint; the point that the
/// step started from gets no gradient.
///
/// - Parameters:
///   - point: where the step is taken from.
///   - dimension: of the Krylov space for the adjoint system, which is solved as far as the dtype resolves.
///   - limit: the most products for it.
///   - advice: what to try where it is not solved to half of the digits.
///   - step: from the point, as a constant, to the next one, z, [rows, n]; not recorded.
/// - Returns: z, recorded where recording is on.
/// - Throws: what the map throws; on the way back `AdjointNotSolved`. A sample that is not finite
///   stays NaN.
func implicitlyDifferentiated(
  after point: Iterate, dimension: Int = 50, limit: Int = 500,
  advice: String = "instead of .unrolled use .gmres(dimension:) with a larger Krylov space",
  _ step: (Iterate) throws -> Tensor
) throws -> Tensor {
  let z = try withoutRecording { try step(point.detached()) }
  guard isRecording else { return z }
  let solver = GMRES(dimension: dimension, tolerance: 0, limit: limit)
  let function = try ImplicitFunction(point.map.uncountedImage, at: z)
  return function.solution(isEquation: true) { v, pullback, _ in
    let resolution = v.dtype.machineEpsilon
    let tolerances = Array(repeating: 16 * resolution, count: v.shape[0])
    let found = try solver.solve(v, tolerances: tolerances) { w in try w - pullback(w) }
    let samples = found.report.samples
    if let row = samples.firstIndex(where: {
      $0.outcome != .nonFinite && !($0.relativeResidual <= resolution.squareRoot())
    }) {
      throw AdjointNotSolved(
        row: row, relativeResidual: samples[row].relativeResidual, advice: advice)
    }
    let w = found.value.replacingSamples(
      samples.map { $0.outcome == .nonFinite }, with: .full(.nan, v.shape, dtype: v.dtype))
    return (w, nil)
  }.0.withElements(of: z)
}

/// The adjoint system of an unrolled Newton step could not be solved.
public struct AdjointNotSolved: Error, CustomStringConvertible {
  /// The sample, as a row of the states in that step.
  public let row: Int
  /// |v - (I - J^T) w| / |v| that was reached.
  public let relativeResidual: Double
  /// What to try, beside an estimator for singular systems, for the solver that took the step.
  let advice: String

  /// What happened and what to try.
  public var description: String {
    "the adjoint system of an unrolled Newton step was solved only to a relative residual of "
      + "\(relativeResidual) in row \(row): I - J may be singular there, for which .leastSquares "
      + "is an estimator; otherwise \(advice)"
  }
}
