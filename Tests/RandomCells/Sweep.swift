import Tensors
import TestSupport

/// What one cell is tried with.
public struct Sweep: Sendable {
  /// The seed of all cells.
  public let seed: UInt64
  /// Solvers and estimators.
  public let solvers: [TestedSolver], estimators: [TestedEstimator]

  /// A sweep of the solvers and estimators with the given words, such as "newton-krylov"; nil for all.
  public init(seed: UInt64, solver: String? = nil, estimator: String? = nil) {
    self.seed = seed
    solvers = TestedSolver.swept.filter { solver == nil || $0.word == solver }
    estimators = TestedEstimator.all.filter {
      $0.traits.contains(.swept) && (estimator == nil || $0.word == estimator)
    }
  }

  /// The combinations of solvers and estimators on one cell.
  ///
  /// - Parameters:
  ///   - number: of the cell.
  ///   - skipped: how many combinations to leave out at the beginning.
  ///   - share: one of how many combinations is tried, in turn from cell to cell; default all.
  ///   - starting: is told each combination before it is tried, with its position.
  ///   - finding: is told each claim that is not true.
  public func judge(
    cell number: Int, skipping skipped: Int = 0, oneOf share: Int = 1,
    starting: (_ position: Int, _ solver: String, _ estimator: String) -> Void = { _, _, _ in },
    finding: (Violation) -> Void
  ) {
    let cell = RandomCell(seed: seed, number: number)
    var position = -1
    for solver in solvers {
      var plain: Tensor?
      for estimator in estimators where !estimator.needsInverse || solver.solver.learnsInverse {
        position += 1
        guard position >= skipped, (position + number) % share == 0 else { continue }
        starting(position, solver.word, estimator.word)
        let isPlain = estimator.traits.contains(.plain)
        if estimator.promise == .everyStep, !isPlain, plain == nil {
          plain = cell.judge(solver, .plainUnrolling).adjoint
        }
        let judged = cell.judge(solver, estimator, plain: plain)
        if isPlain { plain = judged.adjoint }
        judged.violations.forEach(finding)
      }
    }
  }

  /// An expanding map through `fixedPoint` with every solver: it has to throw, or to return a fixed
  /// point.
  public func expandingViolations(_ number: Int) -> [Violation] {
    let cell = RandomCell(expanding: number, seed: seed)
    return solvers.flatMap { cell.silentFailures($0) }
  }
}
