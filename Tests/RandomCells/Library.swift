import ImplicitLayers
import Tensors
import TestSupport

// All contact of the random cells with the library under test.

/// What the library said and returned of one cell.
struct Claims {
  /// z and dL/dx, [batch, n], in float64; no gradient where an error was thrown instead.
  let value: Tensor
  let adjoint: Tensor?
  /// Per sample: whether the forward solve is said to have converged, and its residual.
  let hasConverged: [Bool]
  let residuals: [Double]
  /// Per sample: whether the adjoint is said to meet its tolerance, and the relative residual that
  /// is claimed, NaN for none; nil if there is no report.
  ///
  /// The accuracies are what J is known to be good for, to which a tolerance is raised.
  let backward: (hasConverged: [Bool], residuals: [Double], accuracies: [Double])?
  /// The error that was thrown instead of gradients.
  let error: (any Error)?

  /// Whether an error is a failure that says so; others are unexpected.
  var isHonestFailure: Bool {
    error is BackwardFailure || error is MissingInverse || error is LinearizedAdjoint
      || error is AdjointNotSolved
  }
}

extension RandomCell {
  private func map(_ weights: Tensor, _ input: Tensor) -> FixedPointMap {
    let image: (Tensor) throws -> Tensor = { self.image($0, weights, input) }
    guard isRestrictable else { return FixedPointMap(image) }
    return FixedPointMap(image) { positions in
      let some = input.samples(positions)
      return { self.image($0, weights, some) }
    }
  }

  /// Solves and differentiates the cell.
  func claims(_ solver: TestedSolver, _ estimator: TestedEstimator) throws -> Claims {
    let w = weights.converted(to: dtype).variable()
    let x = input.converted(to: dtype).variable()
    let solution = try estimator.make(.init(tolerance: tolerance)).solution(
      of: map(w, x), from: initial.converted(to: dtype), using: solver.solver,
      until: .tolerance(relative: tolerance, limit: 300))
    var table: Gradients?
    var failure: (any Error)?
    do {
      table = try gradients(of: solution.value, cotangent: cotangent.converted(to: dtype))
    } catch { failure = error }
    let samples = solution.report.samples
    return Claims(
      value: solution.value.detached().converted(to: .float64),
      adjoint: table?[x]?.converted(to: .float64),
      hasConverged: samples.map { $0.outcome == .converged }, residuals: samples.map(\.residual),
      backward: table?.backwardReport(of: solution).map { report in
        (
          report.samples.map { $0.outcome == .converged },
          report.samples.map(\.relativeResidual), report.accuracies
        )
      }, error: failure)
  }

  /// The value of `fixedPoint` with its default policy, or the error that it throws.
  func fixedPointValue(_ solver: TestedSolver) -> Result<Tensor, any Error> {
    let (w, x) = (weights.converted(to: dtype), input.converted(to: dtype))
    return Result {
      try fixedPoint(
        of: map(w, x), from: initial.converted(to: dtype), using: solver.solver,
        until: .tolerance(relative: tolerance, limit: 100)
      ).detached().converted(to: .float64)
    }
  }
}
