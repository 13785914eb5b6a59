import Tensors

/// Which iterates of a solve are returned in addition to its solution.
public enum IterateChoice: Sendable, Equatable {
  /// This number of iterates, evenly spaced on each sample's own path; the last one is the
  /// solution. For a sample that takes N steps, iterate j is the one after N j / count of them,
  /// rounded up.
  case evenly(Int)
  /// The iterates after these numbers of evaluations, where 0 is the initial state; for a sample
  /// that takes fewer, its solution.
  case after([Int])

  /// Stops unless at least one iterate is chosen.
  func check() {
    switch self {
    case .evenly(let count):
      expect(count >= 1, "a trajectory has at least one iterate, not \(count)")
    case .after(let steps):
      expect(
        !steps.isEmpty && steps.allSatisfy { $0 >= 0 }
          && zip(steps, steps.dropFirst()).allSatisfy(<),
        "iterates are chosen by numbers of evaluations that rise from 0 or more, not \(steps)")
    }
  }

  /// The index of every chosen iterate on a path with this number of steps.
  func indices(steps: Int) -> [Int] {
    switch self {
    case .evenly(let count): (1...count).map { (steps * $0 + count - 1) / count }
    case .after(let chosen): chosen.map { min($0, steps) }
    }
  }

  /// Whether iterate k may be chosen; `limit` is the number of evaluations if that is fixed.
  func mayChoose(_ index: Int, limit: Int?) -> Bool {
    switch self {
    case .evenly: limit.map { indices(steps: $0).contains(index) } ?? true
    case .after(let chosen): chosen.contains(index)
    }
  }
}

/// The solution of a solve and some iterates on the way to it, each with a gradient of its own.
///
/// ```swift
/// let way = try layer.trajectory(x, choosing: .evenly(3))
/// let loss = try way.loss(decay: 0.8) { z in (head(z) - y).square().mean() }
/// ```
/// Losses on iterates keep the whole path near the solution, and not only its end: this is the
/// fixed-point correction of Bai, Geng, Savani and Kolter (2022, "Deep Equilibrium Optical Flow
/// Estimation").
///
/// An iterate z_k has the value that the solver gave it, and the derivatives that the layer's estimator
/// would give it if z_k were the solution: with w ~ (I - J^T)^-1 v for the cotangent v of z_k and J at z_k,
/// w^T df/dtheta at z_k, through one application of f. With `.oneStep` that is the gradient
/// of f at a constant z_k, with a damped `.neumann` the phantom gradient, as published. None leads to the
/// iterate before. Unrolled, every iterate has the derivatives of the steps that led to it.
public struct Trajectory<State> {
  /// The solution, as a solve without a trajectory returns it.
  public let solution: Solution<State>
  /// The chosen iterates, in order, recorded.
  public let iterates: [State]
  /// The index of each iterate, sample by sample: [iterate][sample], the number of evaluations
  /// before it.
  public let indices: [[Int]]

  /// The sum of a loss over the iterates, each weighing less the earlier it is.
  ///
  /// With n iterates, the sum of decay^(n - 1 - k) L(z_k), k = 0, ..., n - 1.
  ///
  /// Stops when `decay` is negative.
  ///
  /// - Parameters:
  ///   - decay: the factor between the weights of successive iterates; default 0.8, as in the
  ///     published models. 0 uses only the last iterate.
  ///   - loss: L, a scalar.
  /// - Returns: a scalar.
  /// - Throws: what `loss` throws.
  public func loss(decay: Double = 0.8, _ loss: (State) throws -> Tensor) throws -> Tensor {
    expect(decay >= 0 && decay.isFinite, "a decay is a number of 0 or more, not \(decay)")
    var sum: Tensor?
    for iterate in iterates {
      let next = try loss(iterate)
      sum = sum.map { $0 * decay + next } ?? next
    }
    guard let sum else { callerMistake("a trajectory has at least one iterate") }
    return sum
  }

  /// The same trajectory with its states in another form.
  func map<Other>(_ transform: (State) -> Other) -> Trajectory<Other> {
    Trajectory<Other>(
      solution: solution.map(transform), iterates: iterates.map(transform), indices: indices)
  }
}

extension FixedPointLayer {
  /// The fixed point and chosen iterates on the way to it; see `Trajectory`.
  ///
  /// - Parameters:
  ///   - input: the input of the layer.
  ///   - choice: which iterates are returned; default three, evenly spaced.
  /// - Returns: the trajectory. A sample that does not converge is an entry in the report and no error.
  /// - Throws: what the layer's functions throw; `NoTrajectory`.
  /// - Complexity: that of a solve, and one recorded application for every chosen iterate. Samples that are
  ///   done stay in the solve. Evenly spaced iterates under a tolerance are found among all, which are
  ///   kept until the end: one state an evaluation.
  public func trajectory(
    _ input: Input, choosing choice: IterateChoice = .evenly(3)
  ) throws -> Trajectory<State> {
    let injection = try inject(input)
    let initial = try initialState(for: injection)
    let layout = StateLayout(of: initial)
    return try estimator.trajectory(
      of: map(given: injection, layout), from: layout.packed(initial), using: solver,
      until: stoppingRule, choosing: choice
    ).map(layout.state)
  }
}

/// As `solveFixedPoint`, with chosen iterates on the way; see `Trajectory`.
public func fixedPointTrajectory<State: FixedPointState>(
  from initial: State, using solver: any ForwardSolver = .picard(),
  estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forFixedPoints,
  choosing choice: IterateChoice = .evenly(3), _ map: @escaping (State) throws -> State
) throws -> Trajectory<State> {
  let layout = StateLayout(of: initial)
  let packed = FixedPointMap { z in try layout.packed(map(layout.state(z))) }
  return try estimator.trajectory(
    of: packed, from: layout.packed(initial), using: solver, until: rule, choosing: choice
  ).map(layout.state)
}

/// The error that an estimator gives iterates no gradient of their own.
public struct NoTrajectory: Error, CustomStringConvertible {
  /// The name of the estimator.
  public let estimator: String

  /// What happened and what to try.
  public var description: String {
    "the iterates of a solve have no gradients by the estimator \(estimator), which does not keep them "
      + "all; use .unrolled, which does, or an implicit estimator such as .oneStep or .gmres()"
  }
}
