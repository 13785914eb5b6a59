import Tensors

/// An equation F(x; theta) = 0 that defines x, written as a map whose fixed point is x.
///
/// ```swift
/// let x = try solution(of: .root { x in x * x - a }, from: start)
/// let y = try solution(of: .fixedPoint { x in (x.matmul(w) + b).tanh() }, from: start)
/// let z = try solution(of: .stationary { x in energy(x, a) }, from: start)
/// ```
/// All equations have the same three parts: a condition, a solver that finds where it holds, and an
/// estimator that differentiates it. With f(x) = x - F(x), I - J = dF/dx, so the adjoint system
/// (I - J^T) w = v is that of the condition, and every estimator that solves it applies. Axis 0 of
/// every tensor is the batch; samples do not mix. Tensors that f captures get gradients, of any
/// order.
public struct Equation<State: FixedPointState> {
  /// f, whose fixed point is the solution.
  private let map: (State) throws -> State
  /// F; nil if the equation was given by f.
  private let function: ((State) throws -> State)?
  /// L, [batch], where F is its gradient, for solvers that descend; nil for other equations.
  var loss: ((State) throws -> Tensor)?

  private init(
    map: @escaping (State) throws -> State, function: ((State) throws -> State)? = nil
  ) {
    (self.map, self.function) = (map, function)
  }

  /// The equation x = f(x).
  public static func fixedPoint(_ map: @escaping (State) throws -> State) -> Equation {
    Equation(map: map)
  }

  /// g(x) = 0, with as many equations as unknowns.
  ///
  /// - Parameter g: returns tensors of the same shapes as those that it is given.
  /// - Returns: the fixed point of x -> x - g(x).
  public static func root(_ g: @escaping (State) throws -> State) -> Equation {
    Equation(
      map: { x in
        let (values, images) = (x.tensors, try g(x).tensors)
        expect(
          values.map(\.shape) == images.map(\.shape),
          "a root is sought of as many equations as unknowns: x has \(values.map(\.shape)), g(x) "
            + "\(images.map(\.shape))")
        return State(tensors: zip(values, images).map { $0 - $1 })
      }, function: g)
  }

  /// The map for states that consist of one tensor.
  func packed(_ layout: StateLayout) -> FixedPointMap {
    func packed(_ f: @escaping (State) throws -> State) -> (Tensor) throws -> Tensor {
      { z in try layout.packed(f(layout.state(z))) }
    }
    var map = FixedPointMap(packed(self.map))
    map.equation = function.map(packed)
    map.loss = loss.map { loss in { z in try loss(layout.state(z)) } }
    return map
  }
}

/// The solution of an equation, with gradients of everything that the equation captures.
///
/// - Parameters:
///   - equation: the equation that defines x.
///   - initial: where the search begins, of the shape and dtype of x; it gets no gradient.
///   - solver: how x is found; default Newton's method with GMRES inside.
///   - estimator: how gradients are computed; default the exact adjoint.
///   - rule: when to stop; default `.forEquations`.
/// - Returns: x, recorded, with the report of how it was found. A sample that was not solved is an
///   entry in the report and no error.
/// - Throws: what the equation throws; `CancellationError`.
/// - Complexity: in time that of the solver. The tape holds one application of the equation, however many
///   the solver took. For the gradient, the default estimator takes a pullback for each number of a
///   sample, and the square of their number in memory for every sample; `.gmres()` takes some tens of
///   pullbacks and vectors.
public func solve<State: FixedPointState>(
  _ equation: Equation<State>, from initial: State,
  using solver: any ForwardSolver = .newtonKrylov(),
  estimator: any BackwardEstimator = .exact, until rule: StoppingRule = .forEquations
) throws -> Solution<State> {
  let layout = StateLayout(of: initial)
  return try estimator.solution(
    of: equation.packed(layout), from: layout.packed(initial), using: solver, until: rule
  ).map(layout.state)
}

/// As `solve`, but returns only the value.
///
/// - Throws: also `UnconvergedSolve` where a sample does not meet the tolerance, unless the rule says
///   `.keeping`.
public func solution<State: FixedPointState>(
  of equation: Equation<State>, from initial: State,
  using solver: any ForwardSolver = .newtonKrylov(),
  estimator: any BackwardEstimator = .exact, until rule: StoppingRule = .forEquations
) throws -> State {
  try solve(equation, from: initial, using: solver, estimator: estimator, until: rule)
    .converged(as: .root)
}

/// The solution of g(x; theta) = 0; see `solution(of:from:using:estimator:until:)`.
///
/// ```swift
/// let x = try root(of: { x in x * x * x + x - a }, from: a)   // dx/da = 1 / (3 x^2 + 1)
/// ```
public func root<State: FixedPointState>(
  of g: @escaping (State) throws -> State, from initial: State,
  using solver: any ForwardSolver = .newtonKrylov(), estimator: any BackwardEstimator = .exact,
  until rule: StoppingRule = .forEquations
) throws -> State {
  try solution(of: .root(g), from: initial, using: solver, estimator: estimator, until: rule)
}

extension FixedPointState {
  /// This x, found in any way, as the solution of an equation, so that gradients flow from it to what
  /// the equation captures.
  ///
  /// ```swift
  /// let found = withoutRecording { myOwnSolver(a) }
  /// let x = try found.asSolution(of: .root { x in x * x - a })
  /// ```
  /// The condition is evaluated three times at x: to test it, for its slope, and to record it. An x
  /// that is near 0, compared with `absolute`, takes up to four more, beside it. It does not matter
  /// how x was found; if x has a history, that is cut off.
  ///
  /// - Parameters:
  ///   - equation: the equation that x solves.
  ///   - estimator: how gradients are computed; default the exact adjoint. Unrolling is not
  ///     among them, as there is nothing to unroll.
  ///   - tolerance: how far x may be from the solution, as far as the slope of F tells, relative to
  ///     |x|; default 1e-5.
  ///   - absolute: how far besides; default 1e-8. See `.forEquations`.
  /// - Returns: x, to the last bit.
  /// - Throws: `UnconvergedSolve` where x does not solve the equation to the tolerance; what the
  ///   equation throws.
  public func asSolution(
    of equation: Equation<Self>, estimator: any AdjointEstimator = .exact, tolerance: Double = 1e-5,
    absolute: Double = 1e-8
  ) throws -> Self {
    // The solver takes no step; it only says that the equation will be differentiated.
    try solve(
      equation, from: self, using: .newtonKrylov(), estimator: estimator,
      until: .accuracy(relative: tolerance, absolute: absolute, limit: 1)
    ).convergedAsGiven()
  }
}
