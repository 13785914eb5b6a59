import ImplicitLayers
import Tensors

/// The gradient that counts as right.
struct ReferenceGradient {
  let compared: ComparedEstimator
  let pass: GradientPass
  /// What it is and how well it solved its system, in words.
  let description: String
}

extension EstimatorComparison {
  /// Computes the reference at the problem's z*.
  func reference(
    on problem: ComparisonProblem, dense: DenseJacobian?
  ) throws -> ReferenceGradient {
    let compared = try chosenReference(problem, dense)
    let pass = try pass(compared, on: problem, cotangent: problem.cotangent)
    let residuals = pass.report.map { report in
      report.samples.indices.filter { problem.isKept[$0] }
        .map { report.samples[$0].relativeResidual }
    }
    let worst = residuals?.filter { !$0.isNaN }.max()
    let size = "n = \(problem.stateSize)"
    return ReferenceGradient(
      compared: compared, pass: pass,
      description: "\(compared.name), \(size)"
        + (worst.map { ", relative residual \(FigureText.scientific($0))" } ?? ""))
  }

  /// Whether the dense Jacobian is worth its price.
  var wantsDenseJacobian: Bool {
    if case .automatic = reference { return true }
    return measuresSpectrum
  }

  private func chosenReference(
    _ problem: ComparisonProblem, _ dense: DenseJacobian?
  ) throws -> ComparedEstimator {
    if case .estimator(let chosen) = reference { return chosen }
    let roundoff = problem.solution.dtype.machineEpsilon
    guard let dense else {
      let tolerance = max(1e-12, 16 * roundoff)
      return ComparedEstimator(
        "GMRES to \(FigureText.scientific(tolerance))",
        .gmres(tolerance: tolerance, dimension: 60, limit: 2000, onFailure: .keeping))
    }
    // At a z* that was found to a tolerance, a singular I - J is so only to about that.
    let cutoff = roundoff.squareRoot()
    guard try dense.smallestSingularRatio() < cutoff else {
      return ComparedEstimator("exact adjoint (dense LU)", ExactAdjoint())
    }
    return ComparedEstimator(
      "least squares (dense SVD), as I - J is singular", LeastSquaresAdjoint(cutoff: cutoff))
  }
}
