import Tensors

/// A layer whose output is the fixed point of its `step`.
///
/// ```swift
/// struct TanhLayer: FixedPointLayer {
///   let recurrence: Linear, injection: Linear
///   var estimator: any BackwardEstimator = .neumann(terms: 1)   // or .exact, .unrolled
///   let stoppingRule = StoppingRule.tolerance(relative: 1e-4, within: 50)
///   func inject(_ x: Tensor) -> Tensor { injection(x) }
///   func initialState(for u: Tensor) -> Tensor { u.zerosLike() }
///   func step(_ z: Tensor, given u: Tensor) -> Tensor { (recurrence(z) + u).tanh() }
/// }
/// ```
/// The state is a tensor [batch, ...] or a struct of several (`FixedPointState`), and `step` treats
/// samples independently. Parameters and the
/// injection reach the gradient because `step` captures them.
public protocol FixedPointLayer {
  /// What the layer is called with.
  associatedtype Input
  /// What `step` is given: the part of the input's computation that does not change between
  /// iterations.
  associatedtype Injection = Input
  /// What is iterated.
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

  /// How to iterate; default Picard.
  var solver: any ForwardSolver { get }
  /// How gradients are computed.
  var estimator: any BackwardEstimator { get }
  /// When to stop.
  var stoppingRule: StoppingRule { get }
}

extension FixedPointLayer {
  /// Picard iteration.
  public var solver: any ForwardSolver { .picard() }

  /// No restriction.
  public func injection(_ injection: Injection, ofSamples positions: [Int]) -> Injection? { nil }

  /// The fixed point and the report of how it was found.
  ///
  /// The value is the state as the solver sees it: the tensor itself, or [batch, n] if there are
  /// several; `state(of:for:)` takes it apart.
  public func solve(_ input: Input) throws -> Solution {
    try solve(injection: inject(input))
  }

  /// The fixed point for an injection that is already computed.
  public func solve(injection: Injection) throws -> Solution {
    let initial = try initialState(for: injection)
    return try solve(injection: injection, from: initial)
  }

  /// The fixed point from another first iterate, such as the solution for a similar input.
  public func solve(injection: Injection, from initial: State) throws -> Solution {
    let layout = StateLayout(of: initial)
    return try estimator.solution(
      of: map(given: injection, layout), from: layout.packed(initial), using: solver,
      until: stoppingRule)
  }

  /// The state that a solution for this injection stands for.
  public func state(of solution: Solution, for injection: Injection) throws -> State {
    try StateLayout(of: initialState(for: injection)).state(solution.value)
  }

  /// The fixed point.
  public func callAsFunction(_ input: Input) throws -> State {
    let injection = try inject(input)
    let initial = try initialState(for: injection)
    let layout = StateLayout(of: initial)
    let solution = try estimator.solution(
      of: map(given: injection, layout), from: layout.packed(initial), using: solver,
      until: stoppingRule)
    return layout.state(solution.value)
  }

  func map(given injection: Injection, _ layout: StateLayout) -> FixedPointMap {
    FixedPointMap({ try layout.packed(step(layout.state($0), given: injection)) }) { positions in
      guard let some = try self.injection(injection, ofSamples: positions) else { return nil }
      return { try layout.packed(step(layout.state($0), given: some)) }
    }
  }
}

extension FixedPointLayer where State == Tensor {
  /// The layer's map for an injection: z -> step(z).
  public func map(given injection: Injection) -> FixedPointMap {
    FixedPointMap({ try step($0, given: injection) }) { positions in
      guard let some = try self.injection(injection, ofSamples: positions) else { return nil }
      return { try step($0, given: some) }
    }
  }
}

extension FixedPointLayer where Injection == Input {
  /// The input itself.
  public func inject(_ input: Input) -> Input { input }
}
