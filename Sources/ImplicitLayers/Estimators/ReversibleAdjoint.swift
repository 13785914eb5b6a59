import Tensors

/// The exact gradient of a paired iteration, whose iterates are computed backwards instead of kept.
///
/// ```swift
/// let z = try fixedPoint(
///   from: z0, using: .paired(), estimator: .reversible(), until: .evaluations(16)
/// ) { z in (z.matmul(w) + x).tanh() }
/// ```
/// Backpropagation through every step at the memory of one (McCallum and Foster 2025, "Reversible Deep
/// Equilibrium Models"). `PairedIteration` steps by p_{k+1} = (1 - b) p_{k-1} + b f(p_k), so that
///
///     p_{k-1} = (p_{k+1} - b f(p_k)) / (1 - b)
///
/// and with the cotangents (a, c) of (p_{k+1}, p_k) those of (p_k, p_{k-1}) are
/// (c + b J^T a, (1 - b) a), while df/dtheta^T b a goes to what f captures, all at p_k. What is
/// returned is what unrolling the same iteration returns, and the initial state gets a gradient.
///
/// **How far it goes.** A step back multiplies the error of an iterate by up to 1 / |m|, where m is
/// the smallest eigenvalue of the step, with |m| <= (1 - b)^1/2. At least half a bit is lost in
/// each evaluation with b = 1/2, more than one with b = .8, and more the less f contracts. The
/// weight of an iterate in the gradient falls meanwhile. The start is known, so the error is
/// measured when the way back reaches it: the deviation, as a fraction of the state, times the
/// weight that is left there is about the relative error of the gradient. An error above the
/// tolerance throws `ReversalDrift`. As a rule some 30 evaluations can be undone in float32 and
/// some 60 in float64 with b = 1/2, and fewer with a larger share. `anchors` allow more: they keep
/// a pair of iterates every so many steps.
///
/// The forward pass takes one more evaluation of f, and the backward pass one evaluation with its
/// pullback for every step. Samples stay in the solve to its end. If the gradient is itself
/// differentiated, the iteration is run once more, recorded: every derivative is that of its
/// computation, and takes the memory of unrolling.
public struct ReversibleAdjoint: BackwardEstimator {
  /// The accepted error of the gradient, as a fraction of it; nil for the square root of the
  /// dtype's resolution.
  public let tolerance: Double?
  /// The number of evaluations between pairs of iterates that are kept; nil keeps only the last
  /// pair.
  public let anchors: Int?

  /// The estimator.
  ///
  /// Stops when the tolerance is not positive, or anchors lie less than a step apart.
  ///
  /// - Parameters:
  ///   - tolerance: the accepted relative error; default nil, which is 3e-4 in float32 and 1e-8 in
  ///     float64. Infinity accepts any error.
  ///   - anchors: the number of evaluations between pairs that are kept; default nil.
  public init(tolerance: Double? = nil, anchors: Int? = nil) {
    if let tolerance {
      expect(tolerance > 0, "the tolerance of a reversal must be positive, not \(tolerance)")
    }
    if let anchors {
      expect(anchors >= 1, "anchors lie at least one step apart, not \(anchors)")
    }
    (self.tolerance, self.anchors) = (tolerance, anchors)
  }

  /// "reversible", "reversible, anchors every 10".
  public var name: String { "reversible" + (anchors.map { ", anchors every \($0)" } ?? "") }
  /// The family "reversible", with or without anchors.
  public var family: String { "reversible" }

  /// Runs the paired iteration unrecorded, so that its steps can be undone in the backward pass.
  ///
  /// - Throws: `IrreversibleSolver` unless the solver is a `PairedIteration`; what `map` throws. The
  ///   backward pass throws `ReversalDrift`.
  public func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    StateSharding.expectWhole("the reversible gradient")
    guard let paired = solver as? PairedIteration else {
      throw IrreversibleSolver(solver: solver.name)
    }
    let start = initial.detached()
    guard isRecording else { return try paired.solve(map, from: start, until: rule) }
    let (path, value, report) = try withoutRecording {
      try ReversiblePath.solving(map, from: start, by: paired, until: rule, anchors: anchors)
    }
    let function = try ReversedFunction(map.callAsFunction, at: value)
    let limit = tolerance ?? value.dtype.machineEpsilon.squareRoot()
    let recorded = function.value(
      value, from: initial, again: { try path.again(map, from: $0) }
    ) { v in try path.back(v, through: function, tolerance: limit) }
    return Solution(value: recorded, report: report)
  }
}

extension BackwardEstimator where Self == ReversibleAdjoint {
  /// The exact gradient of a paired iteration by undoing its steps; see `ReversibleAdjoint`.
  public static func reversible(
    tolerance: Double? = nil, anchors: Int? = nil
  ) -> ReversibleAdjoint {
    ReversibleAdjoint(tolerance: tolerance, anchors: anchors)
  }
}

/// The error that the steps of a solver cannot be undone, which the estimator needs.
public struct IrreversibleSolver: Error, CustomStringConvertible {
  /// The name of the solver.
  public let solver: String

  /// What happened and what to try.
  public var description: String {
    "the reversible gradient undoes the steps of a paired iteration, but the solver is \(solver), "
      + "whose steps cannot be undone; solve with .paired(), or differentiate with .unrolled "
      + "(keeping: .squareRoot saves memory) or an implicit estimator, which go with any solver"
  }
}

/// The error that iterates computed backwards differ too much from the original ones.
public struct ReversalDrift: Error, CustomStringConvertible {
  /// The samples in which that happened.
  public let samples: [Int]
  /// The estimated relative error of the gradient in the worst of them; NaN or infinite where an
  /// iterate was not finite.
  public let error: Double
  /// The error that is accepted.
  public let tolerance: Double
  /// The most evaluations that had to be undone.
  public let steps: Int

  /// What happened, the likely cause, and what to try.
  public var description: String {
    "undoing \(steps) evaluations did not lead back to the start in sample"
      + "\(samples.count == 1 ? "" : "s") \(samples.prefix(8).map(String.init).joined(separator: ", "))"
      + "\(samples.count > 8 ? ", ..." : ""): the gradient may be off by a fraction of \(error), where "
      + "\(tolerance) is accepted; each step back multiplies rounding errors. Take fewer evaluations "
      + "or a smaller relaxation, keep anchors (.reversible(anchors: 10)), compute in float64, or use "
      + ".unrolled(keeping: .squareRoot)"
  }
}
