import ImplicitLayers
import Tensors

/// An estimator with the name under which a comparison shows it.
public struct ComparedEstimator: Sendable {
  /// The name in tables and legends.
  public let name: String
  /// The estimator.
  public let estimator: any BackwardEstimator
  /// The solver that it needs, if it works with only one; nil for that of the comparison.
  public let solver: (any ForwardSolver)?

  /// An estimator with a name, and the solver that it needs; default nil, none.
  public init(
    _ name: String, _ estimator: any BackwardEstimator, using solver: (any ForwardSolver)? = nil
  ) {
    (self.name, self.estimator, self.solver) = (name, estimator, solver)
  }

  /// An estimator under its own name, and the solver that it needs; default nil, none.
  public init(_ estimator: any BackwardEstimator, using solver: (any ForwardSolver)? = nil) {
    self.init(estimator.name, estimator, using: solver)
  }

  /// The estimators of the library that apply to a problem.
  ///
  /// - Parameters:
  ///   - stateSize: the number n of numbers per sample; dense estimators are left out above 600.
  ///   - dtype: the dtype of the state; iterative estimators get tolerances two digits above its
  ///     resolution.
  ///   - hasInverse: whether the forward solver has built an inverse that can be reused.
  ///   - canUnroll: whether there is a solve to unroll.
  /// - Returns: the estimators, roughly from the cheapest to the most expensive.
  public static func all(
    stateSize: Int, dtype: DType, hasInverse: Bool, canUnroll: Bool
  ) -> [ComparedEstimator] {
    let tolerance = dtype == .float64 ? 1e-10 : 1e-5
    var list = [1, 2, 3, 5, 10, 20].map { terms in
      ComparedEstimator(terms == 1 ? "one step" : "\(terms) terms", .neumann(terms: terms))
    }
    list += [5, 20].map {
      ComparedEstimator("\($0) terms, relaxation 1/2", .neumann(terms: $0, relaxation: 0.5))
    }
    if hasInverse {
      list += [
        ComparedEstimator("reused inverse", .quasiNewtonReuse()),
        ComparedEstimator("reused inverse, 5 steps", .quasiNewtonReuse(refinements: 5)),
      ]
    }
    list += [
      ComparedEstimator("adjoint Picard", .iterative(.picard(), tolerance: tolerance, limit: 500)),
      ComparedEstimator(
        "adjoint Anderson", .iterative(.anderson(depth: 5), tolerance: tolerance, limit: 500)),
      ComparedEstimator("GMRES", .gmres(tolerance: tolerance, dimension: 30, limit: 500)),
      ComparedEstimator("BiCGStab", .biCGStab(tolerance: tolerance, limit: 500)),
    ]
    if stateSize <= DenseJacobian.largestState {
      list += [
        ComparedEstimator("exact (LU)", .exact), ComparedEstimator("least squares", .leastSquares),
      ]
    }
    if canUnroll {
      list += [
        ComparedEstimator("unrolled, last 3", .unrolled(lastSteps: 3)),
        ComparedEstimator("unrolled, checkpoints", .unrolled(keeping: .squareRoot)),
        ComparedEstimator("unrolled", .unrolled),
        ComparedEstimator("reversible", .reversible(anchors: 10), using: .paired()),
      ]
    }
    return list
  }
}
