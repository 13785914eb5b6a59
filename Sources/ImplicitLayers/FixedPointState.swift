import Tensors

/// The state of a fixed point: a tensor, or several tensors that belong together.
///
/// ```swift
/// struct Memory: FixedPointState {
///   var hidden: Tensor, cell: Tensor
///   var tensors: [Tensor] { [hidden, cell] }
///   init(tensors: [Tensor]) { (hidden, cell) = (tensors[0], tensors[1]) }
/// }
/// ```
/// Axis 0 of every tensor is the batch. A solve sees a state of several tensors as one, [batch, n],
/// so that every solver and estimator treats it as a whole: curvature between tensors counts,
/// and no step is taken tensor by tensor.
public protocol FixedPointState {
  /// The tensors, always the same number in the same order.
  var tensors: [Tensor] { get }

  /// The state of these tensors.
  init(tensors: [Tensor])

  /// The weight of each tensor's residual in the norm of a sample.
  ///
  /// Default: 1 each. If the tensors of a state differ in magnitude by orders, weigh each with the
  /// inverse of its magnitude; otherwise the small ones do not count.
  static var weights: [Double]? { get }
}

extension FixedPointState {
  /// Nil: all tensors weigh alike in the norm of the state.
  public static var weights: [Double]? { nil }
}

extension Tensor: FixedPointState {
  /// The tensor itself, as the only one.
  public var tensors: [Tensor] { [self] }

  /// The only tensor.
  public init(tensors: [Tensor]) {
    expect(tensors.count == 1, "a tensor is a state of one tensor, not \(tensors.count)")
    self = tensors[0]
  }
}

/// How the tensors of a state lie in one [batch, n] tensor, each times its weight.
package struct StateLayout: Sendable {
  /// The shape of one sample of each tensor; none if a state is one tensor without a weight, which is
  /// used as it is.
  private var shapes: [Shape] = []
  private var weights: [Double] = []

  /// Makes the packing of a state that is one tensor.
  package init() {}

  package init<State: FixedPointState>(of state: State) {
    let tensors = state.tensors
    expect(!tensors.isEmpty, "\(State.self) has no tensors, so there is nothing to solve for")
    for tensor in tensors {
      expect(
        tensor.rank > 0 && tensor.shape[0] == tensors[0].shape[0],
        "the tensors of a state share axis 0, the batch: \(State.self) has "
          + tensors.map { "\($0.shape)" }.joined(separator: ", "))
    }
    let weights = State.weights ?? Array(repeating: 1, count: tensors.count)
    expect(
      weights.count == tensors.count && weights.allSatisfy { $0 > 0 && $0.isFinite },
      "\(State.self) has \(tensors.count) tensors and the weights \(weights); each needs a "
        + "positive one")
    if tensors.count == 1 && weights[0] == 1 { return }
    (shapes, self.weights) = (tensors.map { $0.shape.suffix(from: 1) }, weights)
  }

  /// [batch, n], n numbers per sample.
  package func packed<State: FixedPointState>(_ state: State) -> Tensor {
    let tensors = state.tensors
    if shapes.isEmpty { return tensors[0] }
    let found = tensors.map { $0.rank > 0 ? $0.shape.suffix(from: 1) : $0.shape }
    expect(
      found == shapes,
      "a map must return what it is given: a sample of the state has tensors "
        + "\(shapes.map(\.description).joined(separator: ", ")), of the image "
        + found.map(\.description).joined(separator: ", "))
    return Tensor.concatenated(
      zip(tensors, weights).map { tensor, weight in
        let flat = tensor.flatSamples
        return weight == 1 ? flat : flat * weight
      }, alongAxis: 1)
  }

  /// The state that `packed` came from.
  package func state<State: FixedPointState>(_ packed: Tensor) -> State {
    if shapes.isEmpty { return State(tensors: [packed]) }
    var start = 0
    return State(
      tensors: zip(shapes, weights).map { shape, weight in
        let part = packed.slice(start..<start + shape.elementCount, alongAxis: 1)
        start += shape.elementCount
        return (weight == 1 ? part : part * (1 / weight)).reshaped([packed.shape[0]] + shape)
      })
  }
}
