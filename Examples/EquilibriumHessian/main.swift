import Foundation
import ImplicitLayers
import Tensors

// Curvature through an equilibrium: z = tanh(z W + b) is solved, a loss asks that z be a target, and
// the loss's Hessian with respect to b is taken through the solution. No iteration is recorded for it.

// snippet.loss
var random = Philox(seed: 2)
let n = 6
let w = Tensor.normal([n, n], dtype: .float64, using: &random) * 0.3
let target = Tensor.uniform([1, n], dtype: .float64, using: &random) * 1.4 - 0.7
let rule = StoppingRule.tolerance(relative: 1e-12, absolute: 1e-14, limit: 200)
/// |z - target|^2 / 2 at the equilibrium z of a bias b, [1, n].
func loss(_ b: Tensor) throws -> Tensor {
  let z = try fixedPoint(from: b.zerosLike(), using: .anderson(), until: rule) { z in
    (z.matmul(w) + b).tanh()
  }
  return (z - target).square().sum() * 0.5
}
// snippet.end

// snippet.curvature
/// The largest curvature of the loss at b: power iteration by products H s alone.
func largestCurvature(at b: Tensor, from start: Tensor) throws -> Double {
  var (s, curvature) = (start, 0.0)
  for _ in 0..<200 {
    s = s / s.square().sum().sqrt()
    let product = try hessianVectorProduct(at: b, along: s, of: loss)
    (curvature, s) = ((s * product).sum().scalar, product)
  }
  return curvature
}
var b = Tensor.zeros([1, n], dtype: .float64)
let curvature = try largestCurvature(at: b, from: .ones([1, n], dtype: .float64))
print(
  String(format: "largest curvature %.3f, so gradient steps up to %.2f", curvature, 2 / curvature))
// snippet.end

// snippet.newton
// Newton's method on b; the bias with which z is the target is known: b = artanh(t) - t W.
let exact =
  Tensor(target.scalars.map { atanh($0) }, shape: [1, n], dtype: .float64)
  - target.matmul(w)
for step in 0...6 {
  let error = (b - exact).square().sum().scalar.squareRoot()
  let shown = error < 1e-9 ? "below 1e-9" : String(format: "%.1e", error)
  print("step \(step): |b - exact|", shown)
  let slope = try gradient(at: b, of: loss)
  let h = try hessian(at: b, of: loss).reshaped([1, n, n])
  b = b - (try LUFactorization(of: h)).solve(slope)
}
// snippet.end
