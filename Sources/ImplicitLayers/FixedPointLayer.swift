import Tensors

/// A layer whose output is the fixed point of its `step`.
///
/// ```swift
/// struct TanhLayer: FixedPointLayer {
///   let recurrence: Linear, injection: Linear
///   var estimator: any BackwardEstimator = .exact   // or .gmres(), .oneStep, .unrolled
///   let stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 50)
///   func inject(_ x: Tensor) -> Tensor { injection(x) }
///   func initialState(for u: Tensor) -> Tensor { u.zerosLike() }
///   func step(_ z: Tensor, given u: Tensor) -> Tensor { (recurrence(z) + u).tanh() }
/// }
/// ```
/// The state is a tensor [batch, ...] or a struct of several (`FixedPointState`), and `step` treats
/// samples independently. Parameters and the injection reach the gradient because `step` captures
/// them.
public protocol FixedPointLayer {
  /// The type of the layer's input.
  associatedtype Input
  /// The type of what `step` is given: the part of the computation on the input that does not
  /// change between iterations.
  associatedtype Injection = Input
  /// The state that is iterated; by default one tensor.
  associatedtype State: FixedPointState = Tensor

  /// The computation that is done once per solve (a norm of the inputs, for instance); default: none.
  func inject(_ input: Input) throws -> Injection
  /// The first iterate; axis 0 is the batch.
  func initialState(for injection: Injection) throws -> State
  /// One application of the map: f(z; x, theta).
  func step(_ state: State, given injection: Injection) throws -> State

  /// The injection of the samples at the given positions of the batch, in their order.
  ///
  /// With it, samples that are done leave the solve. Default: nil, every step takes the whole
  /// batch.
  func injection(_ injection: Injection, ofSamples positions: [Int]) throws -> Injection?

  /// How the fixed point is found; default Picard iteration.
  var solver: any ForwardSolver { get }
  /// How gradients are computed.
  var estimator: any BackwardEstimator { get }
  /// The rule by which a solve ends.
  var stoppingRule: StoppingRule { get }
}

extension FixedPointLayer {
  /// Picard iteration, unless the layer says otherwise.
  public var solver: any ForwardSolver { .picard() }

  /// Nil: without knowing how an injection is restricted, every evaluation covers the whole batch.
  public func injection(_ injection: Injection, ofSamples positions: [Int]) -> Injection? { nil }

  /// The fixed point and the report of how it was found.
  ///
  /// A sample that does not converge is an entry in the report and no error.
  public func solve(_ input: Input) throws -> Solution<State> {
    try solve(injection: inject(input))
  }

  /// The fixed point from another first iterate; see `solve(injection:from:)`.
  ///
  /// ```swift
  /// let found = try layer.solve(x, from: previous.detached())
  /// ```
  public func solve(_ input: Input, from initial: State) throws -> Solution<State> {
    try solve(injection: inject(input), from: initial)
  }

  /// The fixed point for an injection that is already computed.
  public func solve(injection: Injection) throws -> Solution<State> {
    try solve(injection: injection, from: initialState(for: injection))
  }

  /// The fixed point from another first iterate, such as the solution for a similar input.
  ///
  /// Pass a first iterate from an earlier training step detached: its history is of no use here,
  /// and is released once that step's gradients have been taken.
  public func solve(injection: Injection, from initial: State) throws -> Solution<State> {
    let layout = StateLayout(of: initial)
    return try estimator.solution(
      of: map(given: injection, layout), from: layout.packed(initial), using: solver,
      until: stoppingRule
    ).map(layout.state)
  }

  /// The fixed point.
  ///
  /// - Throws: `UnconvergedSolve` where a sample does not meet the tolerance, unless the stopping
  ///   rule says `.keeping`; what the layer's own functions throw.
  public func callAsFunction(_ input: Input) throws -> State { try solve(input).converged() }

  package func map(given injection: Injection, _ layout: StateLayout) -> FixedPointMap {
    FixedPointMap({ try layout.packed(step(layout.state($0), given: injection)) }) { positions in
      guard let some = try self.injection(injection, ofSamples: positions) else { return nil }
      return { try layout.packed(step(layout.state($0), given: some)) }
    }
  }
}

extension FixedPointLayer where State == Tensor {
  /// The layer's map for an injection: z -> step(z).
  public func map(given injection: Injection) -> FixedPointMap {
    map(given: injection, StateLayout())
  }
}

extension FixedPointLayer where Injection == Input {
  /// The input itself, unless the layer computes something from it once per solve.
  public func inject(_ input: Input) -> Input { input }
}
