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
/// The state has shape [batch, ...] and `step` treats samples independently. Parameters and the
/// injection reach the gradient because `step` captures them.
public protocol FixedPointLayer {
  /// What the layer is called with.
  associatedtype Input
  /// What `step` is given: the part of the input's computation that does not change between
  /// iterations.
  associatedtype Injection = Input

  /// The computation that is done once per solve (keys and values, for instance); default: none.
  func inject(_ input: Input) throws -> Injection
  /// The first iterate, [batch, ...].
  func initialState(for injection: Injection) throws -> Tensor
  /// One application of the map: f(z; x, theta).
  func step(_ state: Tensor, given injection: Injection) throws -> Tensor

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

  /// The fixed point and the report of how it was found.
  public func solve(_ input: Input) throws -> Solution {
    try solve(injection: inject(input))
  }

  /// The fixed point for an injection that is already computed.
  public func solve(injection: Injection) throws -> Solution {
    try estimator.solution(
      of: { try step($0, given: injection) }, from: initialState(for: injection), using: solver,
      until: stoppingRule)
  }

  /// The fixed point.
  public func callAsFunction(_ input: Input) throws -> Tensor { try solve(input).value }
}

extension FixedPointLayer where Injection == Input {
  /// The input itself.
  public func inject(_ input: Input) -> Input { input }
}
