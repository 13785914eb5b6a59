import Tensors

/// Backpropagation through the iterations themselves.
///
/// ```swift
/// .unrolled                             // every step, every step kept
/// .unrolled(lastSteps: 3)               // truncated: only the last three steps
/// .unrolled(keeping: .squareRoot)       // every step, O(sqrt(steps)) memory
/// ```
/// Differentiates the solver's every step, whatever the solver; the only estimator, beside
/// straight-through, that gives the initial state a gradient. Time and memory of the backward pass
/// grow with the number of iterations n: O(n), or O(n / k + k) with a checkpoint every k steps,
/// between which steps are computed again.
///
/// A tolerance on the residual bounds the error of z, not that of its derivative, which lags: if
/// iterate k is off by rho^k, its derivative is off by about k rho^k, and through an accelerated
/// solver it is that of a step before. In float32, to a relative residual of 2.4e-7, z = cos z is
/// good to 9e-8 and its unrolled gradient to 1.6e-5; Kepler's equation with e = .99 and E = 1, solved
/// by Anderson acceleration, to 4e-7 and 2e-3, where the exact adjoint is good to 7e-7. Ask for a
/// residual well below the accuracy of the gradient, or, where rounding forbids that, for a number
/// of evaluations.
///
/// Truncation and checkpoints replay the solve, whose number of steps is only known afterwards:
/// with a fixed number of evaluations they cost n evaluations more than plain unrolling, with a
/// tolerance 2 n more; checkpoints another n on the way back.
public struct Unrolled: BackwardEstimator {
  /// How much of the trajectory the tape holds.
  public enum Kept: Sendable, Equatable {
    /// Every step.
    case everyStep
    /// The iterate and the solver's memory once in so many steps.
    case checkpoints(every: Int)
    /// Checkpoints every sqrt(n) steps, where the memory is least.
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
  ///   - lastSteps: default nil, all. The gradient stops at the iterate that lies so many steps
  ///     before the returned one; the values do not change.
  ///   - kept: default every step.
  public init(lastSteps: Int? = nil, keeping kept: Kept = .everyStep) {
    if let lastSteps {
      expect(lastSteps >= 1, "unrolling differentiates at least one step, not \(lastSteps)")
    }
    if case .checkpoints(let interval) = kept {
      expect(interval >= 1, "checkpoints lie at least one step apart, not \(interval)")
    }
    self.lastSteps = lastSteps
    self.kept = kept
  }

  /// The solver's own loop, recorded, or the part of it that is wanted.
  public func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution {
    guard isRecording, lastSteps != nil || kept != .everyStep else {
      return try solver.solve(map, from: initial, until: rule)
    }
    return try replayed(of: map, from: initial, using: solver, until: rule)
  }

  private func replayed<Solver: ForwardSolver>(
    of map: FixedPointMap, from initial: Tensor, using solver: Solver, until rule: StoppingRule
  ) throws -> Solution {
    let whole = FixedPointMap { try map($0) }
    let start = Trajectory(of: whole, from: initial, using: solver, until: rule)
    let (found, ends) = try withoutRecording {
      let found = try solver.solve(whole, from: initial.detached(), until: rule)
      return (found, try start.positions(in: found))
    }
    let window = UnrolledWindow(ends: ends, lastSteps: lastSteps)
    var trajectory = start
    try withoutRecording {
      for _ in 0..<window.first { try trajectory.advance() }
    }
    let count = window.last - window.first + 1
    let interval =
      switch kept {
      case .everyStep: count
      case .checkpoints(let interval): interval
      case .squareRoot: Int(Double(count).squareRoot().rounded(.up))
      }
    var result = trajectory.z
    for first in stride(from: window.first, through: window.last, by: interval) {
      let range = first..<min(first + interval, window.last + 1)
      if kept == .everyStep {
        try window.run(range, &trajectory, &result)
      } else {
        try window.runWithoutKeeping(range, &trajectory, &result)
      }
    }
    // Recorded arithmetic may round differently; a residual is that of the point that was found.
    let value = rule.tolerance == nil ? result : result.withElements(of: found.value)
    return Solution(value: value, report: found.report, inverse: found.inverse)
  }
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
