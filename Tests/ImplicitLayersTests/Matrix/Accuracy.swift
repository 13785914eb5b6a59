import ImplicitLayers
import Tensors
import TestSupport

/// What is asked of a solution and a gradient in one precision, sample by sample.
///
/// float64: 1e-12 on values and 1e-10 on gradients. float32: 1e-6 and 1e-5, as long as the problem's
/// condition kappa = 1 / |1 - J| is 4 at most. Beyond it no method can do that: f(z) is known to a
/// unit roundoff eps at best and z therefore to kappa eps, which for the fifth of Kepler's orbits,
/// kappa = 66.9, is 8e-6. A residual of 2 eps, the least that every solver reaches, leaves 2 kappa
/// eps; the gradient adds the rounding of J and of the adjoint's own residual, each amplified alike.
struct Accuracy {
  let dtype: DType

  /// |f(z) - z| / |f(z)| at which a solve ends: a hundredth of the accuracy that is asked of the
  /// value, and in float32 what rounding leaves.
  var residual: Double { dtype == .float32 ? 2 * dtype.machineEpsilon : 1e-14 }

  /// The tolerance of estimators that have one, for a problem.
  func adjoint(for problem: ClosedFormProblem) -> Double {
    dtype == .float32
      ? max(1e-6, dtype.machineEpsilon * (problem.condition.max() ?? 1)) : 1e-13
  }

  private func ofValues(_ condition: Double) -> Double {
    dtype == .float32 ? max(1e-6, 2 * condition * dtype.machineEpsilon) : 1e-12
  }

  private func ofGradients(_ condition: Double) -> Double {
    dtype == .float32 ? max(1e-5, 4 * condition * dtype.machineEpsilon) : 1e-10
  }

  /// How a solution differs from the problem's, in words; nil if it is accurate.
  func fault(inValue value: Tensor, of problem: ClosedFormProblem) -> String? {
    fault(value, problem.solution, problem.condition.map(ofValues))
  }

  /// How gradients differ from those expected, in words; nil if they are accurate.
  func fault(
    inGradients gradients: [Tensor?], expected: [Tensor], of problem: ClosedFormProblem
  ) -> String? {
    for (index, (gradient, expected)) in zip(gradients, expected).enumerated() {
      guard let gradient else { return "parameter \(index) has no gradient" }
      if let fault = fault(gradient, expected, problem.condition.map(ofGradients)) {
        return "gradient \(index), \(fault)"
      }
    }
    return nil
  }

  /// Compares each sample relative to its own largest element.
  private func fault(_ a: Tensor, _ b: Tensor, _ tolerances: [Double]) -> String? {
    guard a.shape == b.shape, a.dtype == dtype else {
      return "\(a.dtype) \(a.shape) instead of \(dtype) \(b.shape)"
    }
    let size = b.count / tolerances.count
    for (sample, tolerance) in tolerances.enumerated() {
      let range = sample * size..<(sample + 1) * size
      if let difference = difference(
        Array(a.scalars[range]), Array(b.scalars[range]), relative: tolerance)
      {
        return "sample \(sample): \(difference)"
      }
    }
    return nil
  }
}
