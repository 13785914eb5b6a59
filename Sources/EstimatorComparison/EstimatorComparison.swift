import ImplicitLayers
import Tensors

/// Every estimator's gradient of the same map at the same z* for the same cotangent, side by side.
///
/// ```swift
/// let comparison = try EstimatorComparison(
///   of: cell, input: x,
///   parameters: ParameterGroup.grouping(
///     cell.namedParameters.map { ($0.name, $0.parameter.tensor) }),
///   loss: { $0.square().sum() })
/// let report = try comparison.report()
/// print(report.table)
/// ```
/// z* is found once; estimators of the adjoint all start from it, and only those that
/// differentiate the way there (unrolling) go it again, step by step the same. v = dL/dz* is
/// computed once. A sample without a fixed point (diverged, not finite, or left with a large
/// residual) is named in the report and left out: of the map, if that can be restricted, else of
/// the cotangent.
///
/// Times and bytes are those of whole passes from the first iterate, measured in turns: each
/// repeat runs all estimators, so that a change of the machine's speed meets them all. The counters
/// of bytes and nodes are process-wide: nothing else may run meanwhile.
public struct EstimatorComparison {
  /// What counts as right.
  public enum Reference {
    /// The dense adjoint (LU) for at most 600 numbers per sample whose Jacobians have at most 4e7
    /// numbers together, least squares if I - J is singular there, else GMRES to 1e-12, or to what the dtype resolves.
    case automatic
    /// The gradient of an estimator that the caller chooses.
    case estimator(ComparedEstimator)
  }

  /// The parameters whose gradients are compared.
  public let parameters: [ParameterGroup]
  /// How z* is found.
  public let solver: any ForwardSolver
  /// When the solve ends.
  ///
  /// The rule has to be tight; otherwise the comparison is made at a point that is no fixed point.
  public let stoppingRule: StoppingRule
  /// The estimators that are compared; nil for all that apply.
  public var estimators: [ComparedEstimator]?
  /// What counts as right; default automatic.
  public var reference = Reference.automatic
  /// How often time and memory are measured; default 5, and 0 for not at all.
  public var repeats = 5
  /// Whether the spectral radius and norm of J are computed; default true.
  ///
  /// From the dense J where the state is small, at n pullbacks; else by power iteration, 64
  /// products for each.
  public var measuresSpectrum = true
  /// The relative residual above which a sample whose solve failed is left out; default 0.01.
  public var largestResidual = 0.01

  /// How z* is obtained.
  enum Origin {
    case solve(from: Tensor)
    case given(Tensor)
  }
  let map: FixedPointMap
  let origin: Origin
  /// z -> L(z).
  let loss: (Tensor) throws -> Tensor

  private init(
    _ map: FixedPointMap, _ origin: Origin, _ solver: any ForwardSolver, _ rule: StoppingRule,
    _ parameters: [ParameterGroup], _ loss: @escaping (Tensor) throws -> Tensor
  ) {
    expect(
      !parameters.isEmpty, "a comparison of gradients needs at least one group of parameters")
    self.map = map
    self.origin = origin
    self.solver = solver
    stoppingRule = rule
    self.parameters = parameters
    self.loss = loss
  }

  /// A comparison on a map.
  ///
  /// - Parameters:
  ///   - map: f, whose captured variables are the parameters.
  ///   - initial: the first iterate, [batch, ...].
  ///   - solver: how to iterate; default Picard.
  ///   - rule: when to stop; default a relative residual of 1e-6 within 1000 evaluations.
  ///   - parameters: the groups of parameters with respect to which gradients are taken.
  ///   - loss: z -> L(z), a scalar.
  public init(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver = .picard(),
    until rule: StoppingRule = .tolerance(relative: 1e-6, limit: 1000),
    parameters: [ParameterGroup], loss: @escaping (Tensor) throws -> Tensor
  ) {
    self.init(map, .solve(from: initial), solver, rule, parameters, loss)
  }

  /// A comparison for a given cotangent v = dL/dz*, of the state's shape.
  public init(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver = .picard(),
    until rule: StoppingRule = .tolerance(relative: 1e-6, limit: 1000),
    parameters: [ParameterGroup], cotangent: Tensor
  ) {
    self.init(
      map, .solve(from: initial), solver, rule, parameters, EstimatorComparison.product(cotangent))
  }

  /// A comparison at a point that is known already, as in the middle of a training step.
  ///
  /// No solve is run, so there is nothing to unroll, and by default time is not measured:
  /// each estimator costs its own pullbacks and one evaluation, and a truncated series two more for
  /// what theory says of it, of which a dense J saves one.
  public init(
    of map: FixedPointMap, at solution: Tensor, parameters: [ParameterGroup], cotangent: Tensor
  ) {
    self.init(
      map, .given(solution.detached()), Picard(), .evaluations(1), parameters,
      EstimatorComparison.product(cotangent))
    repeats = 0
  }

  /// A comparison on a map of a state of several tensors.
  public init<State: FixedPointState>(
    of map: @escaping (State) throws -> State, from initial: State,
    using solver: any ForwardSolver = .picard(),
    until rule: StoppingRule = .tolerance(relative: 1e-6, limit: 1000),
    parameters: [ParameterGroup], loss: @escaping (State) throws -> Tensor
  ) {
    let layout = StateLayout(of: initial)
    self.init(
      FixedPointMap { try layout.packed(map(layout.state($0))) },
      .solve(from: layout.packed(initial)), solver, rule, parameters
    ) { try loss(layout.state($0)) }
  }

  /// A comparison on a layer, with its own solver and stopping rule.
  ///
  /// - Parameters:
  ///   - layer: the layer, whose step captures the parameters; its own estimator is not used.
  ///   - input: the input of the layer.
  ///   - parameters: the groups of parameters with respect to which gradients are taken.
  ///   - loss: z -> L(z), a scalar.
  /// - Throws: what the layer throws.
  public init<Layer: FixedPointLayer>(
    of layer: Layer, input: Layer.Input, parameters: [ParameterGroup],
    loss: @escaping (Layer.State) throws -> Tensor
  ) throws {
    let injection = try layer.inject(input)
    let initial = try layer.initialState(for: injection)
    let layout = StateLayout(of: initial)
    self.init(
      layer.map(given: injection, layout), .solve(from: layout.packed(initial)), layer.solver,
      layer.stoppingRule, parameters
    ) { try loss(layout.state($0)) }
  }

  private static func product(_ cotangent: Tensor) -> (Tensor) -> Tensor {
    let v = cotangent.detached()
    return { z in
      expect(
        z.shape == v.shape && z.dtype == v.dtype,
        "the cotangent is \(v.dtype) \(v.shape) but the state \(z.dtype) \(z.shape)")
      return (z * v).sum()
    }
  }
}
