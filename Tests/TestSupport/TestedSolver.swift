import ImplicitLayers

/// A forward solver, with what tests and tools know of it.
///
/// `all` is the only list of solvers: every test of all solvers, the tables of published problems and the
/// sweep of random cells take theirs from it. Those that need a loss are in `descents`. `CatalogTests` fails
/// where a solver of the library is missing.
public struct TestedSolver: Sendable, CustomStringConvertible {
  /// Where a row takes part, beside the tests of all solvers.
  public struct Uses: OptionSet, Sendable {
    /// The bits.
    public let rawValue: Int
    /// Uses with these bits.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Every solver x every estimator x every problem, down to rounding.
    public static let matrix = Uses(rawValue: 1)
    /// Random cells.
    public static let sweep = Uses(rawValue: 2)
  }

  /// What tests and tables call it.
  public let name: String
  /// With the settings that the name says.
  public let solver: any ForwardSolver
  /// The relaxation of plain iteration, or of one that is no faster; nil for a method that accelerates.
  public let relaxation: Double?
  /// Whether its settings are the solver's defaults: one row of each solver is such.
  public let isDefault: Bool
  /// Where it takes part.
  public let uses: Uses
  /// The least number of published problems that it solves; nil where it is no column of that table.
  public let solvedProblems: Int?
  /// The least number of published roots that it finds; nil where it is no column of that table.
  public let foundRoots: Int?

  /// The name.
  public var description: String { name }

  /// The name as an argument of a program: "newton-krylov".
  public var word: String { argument(of: name) }

  /// Whether it differentiates the map that it solves.
  public var takesDerivatives: Bool { solver is Newton || solver is NewtonKrylov }

  /// Evaluations that are enough to go as far as float64 can: what theory says of plain iteration,
  /// and several times what any acceleration takes.
  public func evaluations(for problem: ClosedFormProblem) -> Int {
    relaxation.map { problem.iterations(relaxation: $0) } ?? 150
  }

  /// A row, also for a test that needs settings of its own beside the table's.
  public init(
    _ name: String, _ solver: any ForwardSolver, relaxation: Double? = nil, isDefault: Bool = false,
    uses: Uses = [.matrix, .sweep], solvedProblems: Int? = nil, foundRoots: Int? = nil
  ) {
    (self.name, self.solver, self.relaxation) = (name, solver, relaxation)
    (self.isDefault, self.uses) = (isDefault, uses)
    (self.solvedProblems, self.foundRoots) = (solvedProblems, foundRoots)
  }

  /// Every solver, and the variants of it that behave differently.
  public static let all = [
    TestedSolver("Picard", .picard(), relaxation: 1, isDefault: true, solvedProblems: 34),
    TestedSolver("damped Picard", .picard(relaxation: 0.7), relaxation: 0.7),
    // An eigenvalue r becomes (b r + (b^2 r^2 + 4 (1 - b))^1/2) / 2, which is at most 1 - .29 (1 - r) with
    // b = .5, and 1 - (1 - r) / 2 with b = .8. Not in the matrix with b = .5: there half of a residual of
    // two units in the last place moves nothing in float32.
    TestedSolver(
      "paired", .paired(), relaxation: 0.29, isDefault: true, uses: .sweep, solvedProblems: 29),
    TestedSolver("quick pairs", .paired(relaxation: 0.8), relaxation: 0.5, uses: .matrix),
    TestedSolver("Anderson", .anderson(), isDefault: true, solvedProblems: 60, foundRoots: 22),
    TestedSolver("Anderson-10", .anderson(depth: 10), uses: [], solvedProblems: 61),
    TestedSolver("mixed Anderson", .anderson(depth: 3, mixing: 0.6), uses: .matrix),
    TestedSolver("Broyden", .broyden(), isDefault: true, solvedProblems: 65, foundRoots: 30),
    TestedSolver("Newton", .newton(), isDefault: true, solvedProblems: 68, foundRoots: 32),
    TestedSolver(
      "Newton-Krylov", .newtonKrylov(), isDefault: true, solvedProblems: 68, foundRoots: 32),
    TestedSolver("automatic", .automatic, isDefault: true, solvedProblems: 68, foundRoots: 33),
  ]

  /// Those that descend: they need a loss, and are no solvers of every map.
  public static let descents = [
    TestedSolver("L-BFGS", .lbfgs(), uses: []), TestedSolver("Newton-CG", .newtonCG(), uses: []),
  ]

  /// Every solver once, with its defaults.
  public static let defaults = all.filter(\.isDefault)
  /// Those that accelerate, once each.
  public static let accelerated = defaults.filter { $0.relaxation == nil }
  /// Those that go as far as rounding allows in both precisions.
  public static let matrix = all.filter { $0.uses.contains(.matrix) }
  /// Those that random cells are solved with.
  public static let swept = all.filter { $0.uses.contains(.sweep) }
}

extension TestedSolver {
  /// Some of these solvers with each estimator that can go with it.
  ///
  /// An estimator that needs the inverse that a solver learned goes only with those that learn one.
  public static func pairs(
    _ solvers: [TestedSolver], _ estimators: [TestedEstimator]
  ) -> [(TestedSolver, TestedEstimator)] {
    solvers.flatMap { solver in
      estimators.filter { !$0.needsInverse || solver.solver.learnsInverse }.map { (solver, $0) }
    }
  }
}

/// A name as an argument of a program: small letters, and "-" between words.
func argument(of name: String) -> String {
  name.lowercased().split(separator: " ").joined(separator: "-")
}
