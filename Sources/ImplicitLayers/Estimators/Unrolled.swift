import Tensors

/// Backpropagation through the iterations themselves.
///
/// ```swift
/// layer.estimator = .unrolled                         // every step, every step kept
/// layer.estimator = .unrolled(lastSteps: 3)           // truncated: only the last three steps
/// layer.estimator = .unrolled(keeping: .squareRoot)   // every step, O(sqrt(steps)) memory
/// ```
/// Differentiates the solver's every step, whatever the solver. Like `ReversibleAdjoint` and
/// straight-through it gives the initial state a gradient; not over Newton's methods and L-BFGS, whose
/// steps are differentiated as what they converge to. Time and memory of the backward pass grow with
/// the number of iterations n: O(n), or O(n / k + k) with a checkpoint every k steps, between which
/// steps are computed again.
///
/// A tolerance on the residual bounds the error of z, not that of its derivative, which lags: if
/// iterate k is off by rho^k, its derivative is off by about k rho^k, and through an accelerated
/// solver it is that of a step before. In float32, to a relative residual of 2.4e-7, z = cos z is
/// good to 9e-8 and its unrolled gradient to 1.6e-5; Kepler's equation with e = .99 and E = 1, solved
/// by Anderson acceleration, to 4e-7 and 2e-3, where the exact adjoint is good to 7e-7. Ask for a
/// residual well below the accuracy of the gradient, or, where rounding forbids that, for a number
/// of evaluations.
///
/// A sample whose start is accepted at once has its gradient through one application; the report says
/// how many steps each gradient goes through (`SolveReport.Sample.differentiatedSteps`). Every sample
/// stays in a truncated or checkpointed solve to its end. Truncation costs no evaluation more and
/// keeps the steps that a sample may still need; checkpoints cost a second evaluation of every
/// differentiated step, on the way back.
///
/// Differentiated again, the gradient is that of the iterations: every order is exact for the iterate, at
/// the memory of all steps that are differentiated.
public struct Unrolled: BackwardEstimator {
  /// How much of the trajectory the tape holds.
  public enum Kept: Sendable, Equatable {
    /// Every step is kept, so that nothing is computed twice.
    case everyStep
    /// The iterate and the solver's memory are kept once in so many steps.
    case checkpoints(every: Int)
    /// Checkpoints whose distance grows by one from each to the next, so that n steps, however
    /// many they turn out to be, have about sqrt(2 n) of them and at most as many steps between two.
    case squareRoot
  }

  /// How many steps before the returned iterate are differentiated, sample by sample; nil for all.
  public let lastSteps: Int?
  /// How much of the trajectory the tape holds.
  public let kept: Kept

  /// The estimator.
  ///
  /// Stops when a number is not positive.
  ///
  /// - Parameters:
  ///   - lastSteps: the number of applications of the map through which the gradient goes; default
  ///     nil, for all. The values do not change. With a fixed number of evaluations they are the
  ///     last steps; under a tolerance the last of them is one at the returned iterate, so that k
  ///     applications are k terms of the Neumann series at the fixed point.
  ///   - kept: how much of the trajectory the tape holds; default every step.
  public init(lastSteps: Int? = nil, keeping kept: Kept = .everyStep) {
    if let lastSteps {
      expect(lastSteps >= 1, "unrolling differentiates at least one step, not \(lastSteps)")
    }
    if case .checkpoints(let interval) = kept {
      expect(interval >= 1, "checkpoints lie at least one step apart, not \(interval)")
    }
    (self.lastSteps, self.kept) = (lastSteps, kept)
  }

  /// The solver's own loop, recorded, or the part of it that is wanted.
  public func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    try unrolled(solver, map, from: initial, until: rule)
  }

  private func unrolled<Solver: ForwardSolver>(
    _ solver: Solver, _ map: FixedPointMap, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    var run = SolveRun(solver, of: map, from: initial, until: rule)
    // A truncated gradient under a tolerance ends with an application of f at the returned iterate
    // itself. Otherwise, if a solver has gone back to an older point after a bad step, the last
    // steps would contain nothing that leads to this iterate.
    let final = lastSteps != nil && rule.tolerance != nil ? 1 : 0
    if isRecording && (lastSteps != nil || kept != .everyStep) {
      (run.mayShrink, run.endsWithImages) = (false, final == 1)
      var window = TruncationWindow(lastSteps: lastSteps.map { $0 - final })
      var interval = 1
      if case .checkpoints(let every) = kept { interval = every }
      while !run.isOver {
        if kept == .everyStep {
          try window.advance(&run)
        } else {
          try window.advanceWithoutKeeping(&run, steps: interval)
          if kept == .squareRoot { interval += 1 }
        }
      }
    }
    try run.finish()
    if isRecording {
      run.ledger.keep(
        differentiatedSteps: run.ledger.returnedIterates.map {
          min(max($0 + final, 1), lastSteps ?? .max)
        })
    }
    return run.solution
  }

  /// The name in reports, for instance "unrolled" or "unrolled, last 3".
  public var name: String {
    let form =
      switch kept {
      case .everyStep: ""
      case .checkpoints(let interval): ", checkpoints every \(interval)"
      case .squareRoot: ", checkpoints"
      }
    return "unrolled" + (lastSteps.map { ", last \($0)" } ?? "") + form
  }
  /// The family of estimators that differentiate the iterations, "unrolling".
  public var family: String { "unrolling" }
}

extension BackwardEstimator where Self == Unrolled {
  /// Backpropagation through the iterations.
  public static var unrolled: Unrolled { Unrolled() }

  /// Backpropagation through the iterations, truncated or with checkpoints.
  public static func unrolled(
    lastSteps: Int? = nil, keeping kept: Unrolled.Kept = .everyStep
  ) -> Unrolled {
    Unrolled(lastSteps: lastSteps, keeping: kept)
  }
}
