import ImplicitLayers
import Tensors

// All contact of the random cells with the library under test.

/// A forward solver of the sweep.
public struct SweptSolver: Sendable {
  /// What reports call it.
  public let name: String
  /// The solver, with its default settings but where the name says otherwise.
  public let solver: any ForwardSolver
  /// Whether it learns an inverse Jacobian, which some estimators need.
  var learnsInverse = false

  /// Every solver.
  public static let all = [
    SweptSolver(name: "picard", solver: .picard()),
    SweptSolver(name: "picard-damped", solver: .picard(relaxation: 0.7)),
    SweptSolver(name: "paired", solver: .paired()),
    SweptSolver(name: "anderson", solver: .anderson()),
    SweptSolver(name: "broyden", solver: .broyden(), learnsInverse: true),
    SweptSolver(name: "newton", solver: .newton()),
    SweptSolver(name: "newton-krylov", solver: .newtonKrylov()),
    SweptSolver(name: "automatic", solver: .automatic),
  ]
}

/// What an estimator of the sweep says of itself.
public enum Promise: Sendable, Equatable {
  /// It meets the tolerance where it reports so.
  case tolerance
  /// It solves the system to working precision where it reports so.
  case workingPrecision
  /// Its adjoint is v.
  case cotangent
  /// Its adjoint is the sum of so many terms (J^T)^k v.
  case terms(Int)
  /// It estimates without a promise, but what residual it reports is true.
  case residualOnly
  /// It differentiates every step of the solve; the same as plain unrolling.
  case everyStep
  /// It differentiates some steps of the solve: at least the last, of which the gradient is v.
  case someSteps
}

/// A backward estimator of the sweep.
public struct SweptEstimator: Sendable {
  /// What reports call it.
  public let name: String
  let promise: Promise
  let needsInverse: Bool
  let make: @Sendable (Double) -> any BackwardEstimator

  init(
    _ name: String, _ promise: Promise, needsInverse: Bool = false,
    _ make: @escaping @Sendable (Double) -> any BackwardEstimator
  ) {
    self.name = name
    self.promise = promise
    self.needsInverse = needsInverse
    self.make = make
  }

  /// Every estimator.
  public static let all = [
    SweptEstimator("exact", .workingPrecision) { _ in .exact },
    SweptEstimator("least-squares", .residualOnly) { _ in .leastSquares },
    SweptEstimator("gmres", .tolerance) { .gmres(tolerance: $0) },
    SweptEstimator("gmres-restarted", .tolerance) {
      .gmres(tolerance: $0, dimension: 5, limit: 300)
    },
    SweptEstimator("gmres-reusing", .tolerance) { .gmres(tolerance: $0, reusingInverse: true) },
    SweptEstimator("bicgstab", .tolerance) { .biCGStab(tolerance: $0) },
    SweptEstimator("bicgstab-reusing", .tolerance) {
      .biCGStab(tolerance: $0, reusingInverse: true)
    },
    SweptEstimator("adjoint-picard", .tolerance) { .iterative(.picard(), tolerance: $0) },
    SweptEstimator("adjoint-anderson", .tolerance) { .iterative(.anderson(), tolerance: $0) },
    SweptEstimator("adjoint-broyden", .tolerance) { .iterative(.broyden(), tolerance: $0) },
    SweptEstimator("adjoint-newton", .tolerance) { .iterative(.newton(), tolerance: $0) },
    SweptEstimator("adjoint-newton-krylov", .tolerance) {
      .iterative(.newtonKrylov(), tolerance: $0)
    },
    SweptEstimator("adjoint-automatic", .tolerance) { .iterative(.automatic, tolerance: $0) },
    SweptEstimator("one-step", .cotangent) { _ in .oneStep },
    SweptEstimator("neumann-4", .terms(4)) { _ in .neumann(terms: 4) },
    SweptEstimator("measured-neumann-4", .terms(4)) { _ in .measured(.neumann(terms: 4)) },
    SweptEstimator("straight-through", .cotangent) { _ in .straightThrough() },
    SweptEstimator("reuse", .residualOnly, needsInverse: true) { _ in .quasiNewtonReuse() },
    SweptEstimator("reuse-refined-3", .residualOnly, needsInverse: true) { _ in
      .quasiNewtonReuse(refinements: 3)
    },
    SweptEstimator("reuse-refined-12", .residualOnly, needsInverse: true) { _ in
      .quasiNewtonReuse(refinements: 12)
    },
    SweptEstimator("measured-reuse", .residualOnly, needsInverse: true) { _ in
      .measured(.quasiNewtonReuse())
    },
    SweptEstimator("unrolled", .everyStep) { _ in .unrolled },
    SweptEstimator("unrolled-checkpoints", .everyStep) { _ in .unrolled(keeping: .squareRoot) },
    SweptEstimator("unrolled-last-2", .someSteps) { _ in .unrolled(lastSteps: 2) },
  ]
}

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
  func claims(_ solver: SweptSolver, _ estimator: SweptEstimator) throws -> Claims {
    let w = weights.converted(to: dtype).variable()
    let x = input.converted(to: dtype).variable()
    let solution = try estimator.make(tolerance).solution(
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
  func fixedPointValue(_ solver: SweptSolver) -> Result<Tensor, any Error> {
    let (w, x) = (weights.converted(to: dtype), input.converted(to: dtype))
    return Result {
      try fixedPoint(
        of: map(w, x), from: initial.converted(to: dtype), using: solver.solver,
        until: .tolerance(relative: tolerance, limit: 100)
      ).detached().converted(to: .float64)
    }
  }
}
