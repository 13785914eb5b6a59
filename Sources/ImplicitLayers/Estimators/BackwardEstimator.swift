import Tensors

/// A way to differentiate a fixed point.
///
/// The general form owns the whole solve, because unrolling must record it. An estimator that only
/// approximates u = (I - J^T)^-1 v conforms to `AdjointEstimator` instead.
public protocol BackwardEstimator: Sendable {
  /// Solves z = map(z) so that gradients flow from the solution to what `map` captured.
  ///
  /// - Throws: what `map` throws; the backward pass may throw what the estimator throws.
  func solution(
    of map: @escaping FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution
}

/// An estimator of the adjoint w ~ (I - J^T)^-1 v, J = df/dz at z*.
///
/// ```swift
/// struct OneStep: AdjointEstimator {
///   func adjoint(of v: Tensor, through pullback: (Tensor) throws -> Tensor) -> Tensor { v }
/// }
/// ```
public protocol AdjointEstimator: BackwardEstimator {
  /// The estimate w.
  ///
  /// - Parameters:
  ///   - v: dL/dz*, [batch, ...].
  ///   - pullback: w -> J^T w, any number of times.
  func adjoint(of v: Tensor, through pullback: (Tensor) throws -> Tensor) throws -> Tensor
}

extension AdjointEstimator {
  /// Solves without recording, then applies `map` once more, recorded, at the detached solution.
  ///
  /// With z* = f(z*), the derivative of that one application is df/dtheta at z*; the cotangent that
  /// enters it is w instead of v, so dL/dtheta = w^T df/dtheta, the implicit function theorem. The
  /// memory that the tape holds is that of one application, whatever the number of iterations.
  ///
  /// While recording is off, the value is the same and nothing is recorded.
  public func solution(
    of map: @escaping FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution {
    let found = try withoutRecording {
      try solver.solve(map, from: initial.detached(), until: rule)
    }
    guard isRecording else { return Solution(value: try map(found.value), report: found.report) }
    let (image, pullback) = try valueWithPullback(at: found.value, of: map)
    let value = image.transformingCotangent { try adjoint(of: $0, through: pullback) }
    return Solution(value: value, report: found.report)
  }
}
