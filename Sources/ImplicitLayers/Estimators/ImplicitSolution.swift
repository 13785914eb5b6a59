import Tensors

extension AdjointEstimator {
  /// Solves without recording, and records one application of `map` at the detached solution.
  ///
  /// With z* = f(z*), the derivative of that one application is df/dtheta at z*; the cotangent that
  /// enters it is w instead of v, so dL/dtheta = w^T df/dtheta, the implicit function theorem. The
  /// memory that the tape holds is that of one application, whatever the number of iterations.
  ///
  /// The value is the solve's own, whatever the estimator. Under a tolerance the application is one
  /// more, at the z* that was found; of a fixed number of evaluations it is the last one, at the
  /// iterate before z*. While recording is off, nothing is recorded and nothing is evaluated twice.
  public func solution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    try implicitSolution(of: map, from: initial, using: solver, until: rule)
  }

  /// As `solution`, but the initial state may get a gradient too.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - initial: the first iterate.
  ///   - solver: how to iterate.
  ///   - rule: when to stop.
  ///   - isStraightThrough: whether the initial state gets J^T w as its gradient.
  /// - Returns: the solution, recorded.
  /// - Throws: what `map` throws; `MissingInverse`.
  func implicitSolution(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule, isStraightThrough: Bool = false
  ) throws -> Solution<Tensor> {
    try implicitSolution(of: map, tying: isStraightThrough ? initial : nil) { map in
      try solver.solve(map, from: initial.detached(), until: rule)
    }
  }

  /// What `solve` finds, with one application recorded.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - start: the initial state, if it gets J^T w as its gradient; nil otherwise.
  ///   - solve: finds the fixed point of the map that it is given, not recorded.
  /// - Returns: the solution, recorded.
  /// - Throws: what `solve` and `map` throw; `MissingInverse`.
  func implicitSolution(
    of map: FixedPointMap, tying start: Tensor?,
    by solve: (FixedPointMap) throws -> Solution<Tensor>
  ) throws -> Solution<Tensor> {
    guard isRecording else { return try solve(map) }
    var last: ImplicitFunction?
    var recording = map
    recording.last = { z in
      let application = try ImplicitFunction(map.callAsFunction, at: z)
      last = application
      return application.image.detached()
    }
    let found = try withoutRecording { try solve(recording) }
    if inverseUse == .required && found.inverse == nil { throw MissingInverse() }
    return try differentiated(
      found, by: last ?? ImplicitFunction(map.callAsFunction, at: found.value), tying: start)
  }

  /// A point that was found, with the derivatives of one application of the map.
  ///
  /// - Parameters:
  ///   - found: the point, and how it was found.
  ///   - function: the application.
  ///   - start: the initial state, if it gets J^T w as its gradient; nil otherwise.
  /// - Returns: the same, recorded.
  func differentiated(
    _ found: Solution<Tensor>, by function: ImplicitFunction, tying start: Tensor?
  ) -> Solution<Tensor> {
    let pass = BackwardPass(
      estimator: self, inverse: usesInverse ? found.inverse : nil, forward: found.report)
    let (differentiated, ticket) = function.solution(
      straightThroughTo: start, isEquation: derivative == .ofEquation
    ) { v, pullback, order in
      let (w, report) = try pass.run(v, through: pullback, order: order)
      return (w, report)
    }
    return Solution(
      value: differentiated.withElements(of: found.value), report: found.report,
      inverse: found.inverse, ticket: ticket)
  }

  /// Whether this estimator, or one that takes over where it fails, uses the forward solver's inverse.
  private var usesInverse: Bool {
    if inverseUse != .ignored { return true }
    guard case .fallback(let other) = onFailure else { return false }
    return other.usesInverse
  }
}
