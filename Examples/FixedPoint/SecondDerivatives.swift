import Foundation
import ImplicitLayers
import NeuralLayers
import Tensors

/// Docs/HowTo/HessianVectorProducts.md.
func differentiateTwice() throws {
  func numbers(_ tensor: Tensor) -> String {
    tensor.scalars.map { String(format: "%.4g", $0) }.joined(separator: " ")
  }

  // snippet.hessian
  func rosenbrock(_ x: Tensor) -> Tensor {
    let (a, b) = (x.slice(0..<1), x.slice(1..<2))
    return ((b - a.square()).square() * 100 + (1 - a).square()).sum()
  }
  let x = Tensor([2, 3], shape: [2], dtype: .float64)
  let s = Tensor([1, 2], shape: [2], dtype: .float64)
  print("gradient:", numbers(try gradient(at: x, of: rosenbrock)))
  print("H s:", numbers(try hessianVectorProduct(at: x, along: s, of: rosenbrock)))
  print("H:", numbers(try hessian(at: x, of: rosenbrock)))
  // snippet.end

  // snippet.jacobian
  let f = { (x: Tensor) in x.square() * x.sum() }
  let (value, slope) = try jvp(at: x, along: s, of: f)
  print("f:", numbers(value), "and J s:", numbers(slope))
  print("J:", numbers(try jacobian(at: x, of: f)))
  // snippet.end

  // snippet.nested
  let third = try gradient(at: x) { x in
    try (hessianVectorProduct(at: x, along: s, of: rosenbrock) * s).sum()
  }
  print("d(s H s)/dx:", numbers(third))
  // snippet.end

  // snippet.map
  let b = Tensor([1, 3], shape: [1, 2], dtype: .float64).variable()
  let z = try fixedPoint(from: b.zerosLike(), until: .tolerance(relative: 1e-12, limit: 200)) { z in
    let slope = try gradient(at: z) { z in ((z - b).square() + z.square().square() / 4).sum() }
    return z - slope * 0.2
  }
  let sensitivity = try gradients(of: z.sum())[b]!
  let closed = 2 / (2 + 3 * z.detached().square())
  print("dz/db:", numbers(sensitivity), "and in closed form:", numbers(closed))
  // snippet.end

  // snippet.module
  var random = Philox(seed: 1)
  let model = Perceptron(2, hidden: 5, 1, using: &random)
  model.convertParameters(to: .float64)
  let (inputs, targets) = (
    Tensor.normal([8, 2], dtype: .float64, using: &random),
    Tensor.normal([8, 1], dtype: .float64, using: &random)
  )
  func loss() -> Tensor { (model(inputs) - targets).square().mean() }
  let direction = try withoutRecording { try model.gradient(of: loss) }
  let product = try withoutRecording {
    try model.hessianVectorProduct(along: direction, of: loss)
  }
  let curvature = model.namedParameters.reduce(0) { sum, entry in
    let tensor = entry.parameter.tensor
    return sum + (product[tensor]! * direction[tensor]!).sum().scalar
  }
  print("the loss bends upwards along its gradient:", curvature > 0)
  // snippet.end
}
