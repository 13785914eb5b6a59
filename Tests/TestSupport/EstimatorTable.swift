import ImplicitLayers

extension TestedEstimator {
  /// Every estimator, and the variants of it that behave differently.
  ///
  /// The reversible one goes with paired iteration alone, and has tests of its own.
  public static let all: [TestedEstimator] =
    direct + krylov + iterative + truncated + reusing + tied + unrolled

  /// Differentiation of every step, without and with checkpoints.
  public static let everyStep = unrolled.filter { $0.promise == .everyStep }

  /// Those that estimate an adjoint at the solution, which they take from any solver.
  public static let ofAnySolver = all.filter { $0.makeAdjoint != nil && !$0.needsInverse }

  /// Those that approximate nothing where their tolerance is small and their terms are many.
  public static let accurate = all.filter { $0.traits.contains(.accurate) }

  /// Those that promise to solve the adjoint system, to a tolerance or to working precision.
  public static let solving = all.filter { [.tolerance, .workingPrecision].contains($0.promise) }

  /// Those that are biased by design, so that it is known what they make of the adjoint.
  public static let biased = all.filter { $0.series != nil }

  /// Those that differentiate steps of the solve itself, all or some.
  public static let ofSteps = all.filter { [.everyStep, .someSteps].contains($0.promise) }

  /// What every other form of unrolling is compared with.
  public static let plainUnrolling = TestedEstimator(
    whole: "unrolled", .everyStep, [.swept, .plain]
  ) { _ in .unrolled }

  private static let direct = [
    TestedEstimator("exact", .workingPrecision, [.accurate, .measured, .swept]) {
      .exact(onFailure: $0.onFailure)
    },
    TestedEstimator("least squares", .residualOnly, [.accurate, .measured, .swept]) {
      .leastSquares(onFailure: $0.onFailure)
    },
  ]

  private static let krylov = [
    TestedEstimator("GMRES", .tolerance, [.accurate, .measured, .swept]) {
      .gmres(tolerance: $0.tolerance, onFailure: $0.onFailure)
    },
    TestedEstimator("restarted GMRES", .tolerance, [.accurate, .measured, .swept]) {
      .gmres(tolerance: $0.tolerance, dimension: 5, limit: 300, onFailure: $0.onFailure)
    },
    TestedEstimator("reusing GMRES", .tolerance, [.accurate, .measured, .swept]) {
      .gmres(tolerance: $0.tolerance, reusingInverse: true, onFailure: $0.onFailure)
    },
    TestedEstimator("BiCGStab", .tolerance, [.accurate, .measured, .swept]) {
      .biCGStab(tolerance: $0.tolerance, onFailure: $0.onFailure)
    },
    TestedEstimator("reusing BiCGStab", .tolerance, [.accurate, .measured, .swept]) {
      .biCGStab(tolerance: $0.tolerance, reusingInverse: true, onFailure: $0.onFailure)
    },
    TestedEstimator("remembering GMRES", .tolerance, [.accurate, .measured, .remembers]) {
      .gmres(tolerance: $0.tolerance, memory: AdjointMemory(), onFailure: $0.onFailure)
    },
    TestedEstimator("remembering BiCGStab", .tolerance, [.accurate, .measured, .remembers]) {
      .biCGStab(tolerance: $0.tolerance, memory: AdjointMemory(), onFailure: $0.onFailure)
    },
    TestedEstimator("measured GMRES", .tolerance, [.accurate, .measured]) {
      .measured(.gmres(tolerance: $0.tolerance, onFailure: $0.onFailure))
    },
  ]

  /// By every forward solver that goes as far as rounding allows.
  private static let iterative =
    TestedSolver.defaults.filter { $0.uses.contains(.matrix) }.map { row in
      TestedEstimator("adjoint \(row.name)", .tolerance, [.accurate, .measured, .swept]) {
        .iterative(
          row.solver, tolerance: $0.tolerance,
          limit: row.relaxation.map($0.terms(relaxation:)) ?? 100, onFailure: $0.onFailure)
      }
    } + [
      // Damped by no more than .8: on the fifth orbit in float32, where w = 67, half of a residual of
      // two units in the last place moves w by one, J w by nearly one too, and the residual by nothing
      // for longer than a solve is patient.
      TestedEstimator("adjoint damped Picard", .tolerance, [.accurate, .measured]) {
        .iterative(
          .picard(relaxation: 0.8), tolerance: $0.tolerance, limit: $0.terms(relaxation: 0.8),
          onFailure: $0.onFailure)
      },
      TestedEstimator(
        "remembering adjoint Picard", .tolerance, [.accurate, .measured, .remembers]
      ) {
        .iterative(
          .picard(), tolerance: $0.tolerance, limit: $0.terms(), memory: AdjointMemory(),
          onFailure: $0.onFailure)
      },
    ]

  /// Series, with terms enough to be accurate, and biased by design.
  private static let truncated = [
    TestedEstimator("one step", .cotangent, .swept, series: (1, 1)) { _ in .oneStep },
    TestedEstimator("Neumann 2", .terms(2), series: (2, 1)) { _ in .neumann(terms: 2) },
    TestedEstimator("Neumann 5", .terms(5), .swept, series: (5, 1)) { _ in .neumann(terms: 5) },
    TestedEstimator("damped Neumann 1", .residualOnly, series: (1, 0.5)) { _ in
      .neumann(terms: 1, relaxation: 0.5)
    },
    TestedEstimator("damped Neumann 5", .residualOnly, series: (5, 0.5)) { _ in
      .neumann(terms: 5, relaxation: 0.5)
    },
    TestedEstimator("adjoint Picard 3", .terms(3), series: (3, 1)) { _ in
      .iterative(.picard(), evaluations: 3)
    },
    TestedEstimator("adjoint damped Picard 4", .residualOnly, series: (4, 0.6)) { _ in
      .iterative(.picard(relaxation: 0.6), evaluations: 4)
    },
    TestedEstimator("measured Neumann 5", .terms(5), [.measured, .swept]) { _ in
      .measured(.neumann(terms: 5))
    },
    TestedEstimator("Neumann", .residualOnly, .accurate) { .neumann(terms: $0.terms()) },
    TestedEstimator("damped Neumann", .residualOnly, .accurate) {
      .neumann(terms: $0.terms(relaxation: 0.8), relaxation: 0.8)
    },
  ]

  /// What a solver has learned of the inverse, as it is and refined.
  private static let reusing =
    [0, 3, 12].map { refinements in
      TestedEstimator("reuse refined \(refinements)", .residualOnly, .swept) {
        .quasiNewtonReuse(refinements: refinements, onFailure: $0.onFailure)
      }
    } + [
      TestedEstimator("measured reuse", .residualOnly, [.measured, .swept]) {
        .measured(.quasiNewtonReuse(onFailure: $0.onFailure))
      }
    ]

  /// Those that give the initial state a gradient as well, straight through the solve.
  public static let tied = [
    TestedEstimator(whole: "straight-through", .cotangent, .swept) { _ in .straightThrough() },
    TestedEstimator(whole: "straight-through Neumann 3", .terms(3), []) { _ in
      .straightThrough(.neumann(terms: 3))
    },
  ]

  private static let unrolled = [
    plainUnrolling,
    TestedEstimator(whole: "unrolled with checkpoints", .everyStep, .swept) { _ in
      .unrolled(keeping: .squareRoot)
    },
    TestedEstimator(whole: "unrolled last 2", .someSteps, .swept) { _ in .unrolled(lastSteps: 2) },
  ]
}
