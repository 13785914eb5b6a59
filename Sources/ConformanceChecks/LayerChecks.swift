import ImplicitLayers
import Tensors

/// The properties that a map or a layer must have to be solved and differentiated correctly.
///
/// ```swift
/// let failures = try LayerChecks(of: { z in (z.matmul(w) + x).tanh() }, at: z0).failures()
/// precondition(failures.isEmpty, failures.joined(separator: "\n"))
/// ```
/// If a map mixes samples, it is solved to its tolerance and differentiated to its residual, and
/// both results are wrong; only this check shows it. In debug builds every backward pass makes the
/// check.
public struct LayerChecks {
  private let map: (Tensor) throws -> Tensor
  private let state: Tensor

  /// Checks of a map near a state.
  ///
  /// - Parameters:
  ///   - map: the map f.
  ///   - state: [batch, ...], with at least 2 samples.
  public init(of map: @escaping (Tensor) throws -> Tensor, at state: Tensor) {
    expect(
      state.rank > 0 && state.shape[0] >= 2,
      "whether samples mix shows with two of them; the state has the shape \(state.shape)")
    (self.map, self.state) = (map, state)
  }

  /// Checks of a layer near its initial state for an input of at least 2 samples.
  public init<Layer: FixedPointLayer>(of layer: Layer, input: Layer.Input) throws {
    let injection = try layer.inject(input)
    let initial = try layer.initialState(for: injection)
    let layout = StateLayout(of: initial)
    let map = layer.map(given: injection, layout)
    self.init(of: { try map($0) }, at: layout.packed(initial))
  }

  /// The properties that the map lacks, in words; empty if it conforms.
  ///
  /// - Throws: what the map throws.
  /// - Complexity: three evaluations and one pullback.
  public func failures() throws -> [String] {
    let (value, pullback) = try valueWithPullback(at: state.detached(), of: map)
    guard value.shape == state.shape, value.dtype == state.dtype else {
      return [
        "turns a state of \(state.dtype) \(state.shape) into \(value.dtype) \(value.shape)"
      ]
    }
    return try withoutRecording {
      let again = try map(state.detached())
      return [
        try mixedSample(of: state, pullback: pullback),
        again.scalars == value.scalars
          ? nil : "gives another image when it is evaluated again at the same state",
      ].compactMap { $0 }
    }
  }
}
