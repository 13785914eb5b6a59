import ImplicitLayers
import NeuralLayers
import Tensors

/// Compares a layer's gradient with differences of its converged solution, for every parameter and the
/// input, and says why they differ.
///
/// ```swift
/// let check = try checkGradient(of: layer, input: x)
/// print(check)
/// precondition(check.passed)
/// ```
/// The loss is the inner product of the fixed point with random numbers, each tensor is moved along a
/// random direction. Differences are taken of solutions that are solved anew as far as the dtype goes,
/// with steps over seven orders of magnitude, of which the one counts that depends on the step least;
/// so neither the layer's tolerance nor the choice of a step is mistaken for an error of the gradient.
/// The layer's parameters are changed meanwhile, and restored.
///
/// - Parameters:
///   - layer: with its own solver, estimator and stopping rule. A float64 layer is checked to ten
///     digits, a float32 one to three.
///   - input: a batch of at least 2 samples shows whether samples mix.
///   - accuracy: the relative error that passes; default 1e-5 in float64 and 1e-2 in float32.
///   - seed: of the directions; default 1.
/// - Returns: a verdict for each tensor.
/// - Throws: what the layer throws; `UnconvergedSolve` is none, but a verdict.
/// - Complexity: 30 solves for each tensor in float64, all from the solution, and once the dense
///   Jacobian if anything is off.
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

/// The same for a layer that is made from its tensors.
///
/// ```swift
/// let check = try checkGradient(at: [("w", w), ("x", x)]) { (TanhCell(w: $0[0]), $0[1]) }
/// ```
///
/// - Parameters:
///   - points: names and values of what is to be differentiated.
///   - accuracy: the relative error that passes; default 1e-5 in float64 and 1e-2 in float32.
///   - seed: of the directions; default 1.
///   - make: the layer and its input for other values of these tensors.
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
