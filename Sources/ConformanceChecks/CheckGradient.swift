import ImplicitLayers
import NeuralLayers
import Tensors

/// Compares a layer's gradient with differences of its converged solution, for every parameter and
/// for the input, and says why they differ.
///
/// ```swift
/// let check = try checkGradient(of: layer, input: x)
/// print(check)
/// precondition(check.passed)
/// ```
/// The loss is the inner product of the fixed point with random numbers, and each tensor is moved
/// along a random direction. For the differences, solutions are computed anew as accurately as the
/// dtype allows, with steps over seven orders of magnitude; the difference that depends least on
/// the step is used. So neither the layer's tolerance nor the choice of a step is mistaken for an
/// error of the gradient. The layer's parameters are changed meanwhile, and restored afterwards.
///
/// - Parameters:
///   - layer: the layer, with its own solver, estimator and stopping rule. A float64 layer is
///     checked to ten digits, a float32 layer to three.
///   - input: the input; only a batch of at least 2 samples shows whether samples are mixed.
///   - accuracy: the relative error up to which a gradient passes; default 1e-5 in float64 and 1e-2
///     in float32.
///   - seed: the seed of the directions; default 1.
/// - Returns: a verdict for each tensor.
/// - Throws: what the layer throws, except `UnconvergedSolve`, which becomes a verdict.
/// - Complexity: 30 solves for each tensor in float64, each of which starts from the solution; if a
///   gradient is off, also one dense Jacobian.
public func checkGradient<Layer: FixedPointLayer & Module>(
  of layer: Layer, input: Tensor, accuracy: Double? = nil, seed: UInt64 = 1
) throws -> GradientCheck where Layer.Input == Tensor {
  let parameters = layer.namedParameters.filter(\.parameter.isTrained)
  let values = parameters.map { $0.parameter.tensor.detached() }
  defer { for (entry, value) in zip(parameters, values) { entry.parameter.assign(value) } }
  let subject = CheckedLayer(
    names: parameters.map(\.name) + ["input"], values: values + [input.detached()]
  ) { values in
    for (entry, value) in zip(parameters, values) { entry.parameter.assign(value) }
    let input = values[parameters.count].variable()
    return (layer, input, parameters.map(\.parameter.tensor) + [input])
  }
  return try subject.check(accuracy: accuracy, seed: seed)
}

/// Compares the gradient of a layer that is made from tensors, in the same way.
///
/// ```swift
/// let check = try checkGradient(at: [("w", w), ("x", x)]) { (TanhCell(w: $0[0]), $0[1]) }
/// ```
///
/// - Parameters:
///   - points: the names and values of the tensors that are differentiated.
///   - accuracy: the relative error up to which a gradient passes; default 1e-5 in float64 and 1e-2
///     in float32.
///   - seed: the seed of the directions; default 1.
///   - make: returns the layer and its input for given values of these tensors.
/// - Returns: a verdict for each tensor.
/// - Throws: what the layer throws.
public func checkGradient<Layer: FixedPointLayer>(
  at points: [(name: String, value: Tensor)], accuracy: Double? = nil, seed: UInt64 = 1,
  of make: ([Tensor]) throws -> (layer: Layer, input: Layer.Input)
) throws -> GradientCheck {
  try withoutActuallyEscaping(make) { make in
    let subject = CheckedLayer(
      names: points.map(\.name), values: points.map { $0.value.detached() }
    ) { values in
      let variables = values.map { $0.variable() }
      let made = try make(variables)
      return (made.layer, made.input, variables)
    }
    return try subject.check(accuracy: accuracy, seed: seed)
  }
}
