import Foundation
import ImplicitLayers
import Tensors

/// Docs/Tutorials/FirstFixedPointLayer.md.
func compareGradients() throws {
  // snippet.map
  var random = Philox(seed: 3)
  let w = (Tensor.normal([6, 6], dtype: .float64, using: &random) * 0.25).variable()
  let x = Tensor.normal([4, 6], dtype: .float64, using: &random)
  let map = FixedPointMap { z in (z.matmul(w) + x).tanh() }
  let rule = StoppingRule.tolerance(relative: 1e-12, limit: 200)
  // snippet.end

  // snippet.solve
  let found = try Picard().solve(map, from: x.zerosLike(), until: rule)
  print(found.report)
  let change = try (map(found.value) - found.value).normsOfSamples.max()!
  print("f(z) = z:", change < 1e-11)
  // snippet.end

  // snippet.gradient
  func gradient(_ estimator: any BackwardEstimator) throws -> Tensor {
    let z = try fixedPoint(of: map, from: x.zerosLike(), estimator: estimator, until: rule)
    return try gradients(of: z.square().sum())[w]!
  }
  // snippet.end

  // snippet.compare
  let exact = try gradient(.exact)
  let estimators: [(String, any BackwardEstimator)] = [
    ("unrolled", .unrolled), ("GMRES", .gmres(tolerance: 1e-12)),
    ("Neumann, 10 terms", .neumann(terms: 10)), ("Neumann, 3 terms", .neumann(terms: 3)),
    ("one step", .oneStep),
  ]
  for (name, estimator) in estimators {
    let difference = (try gradient(estimator) - exact).square().sum().scalar.squareRoot()
    let error = difference / exact.square().sum().scalar.squareRoot()
    let shown = error < 1e-10 ? "below 1e-10" : String(format: "%.1e", error)
    print(name.padding(toLength: 19, withPad: " ", startingAt: 0), shown)
  }
  // snippet.end

  // snippet.memory
  func bytesOnTape(_ estimator: any BackwardEstimator, iterations: Int) throws -> Int {
    let before = TensorMemory.liveBytes
    let z = try fixedPoint(
      of: map, from: x.zerosLike(), estimator: estimator, until: .evaluations(iterations))
    return withExtendedLifetime(z) { TensorMemory.liveBytes - before }
  }
  for (name, estimator) in [("exact", .exact), ("unrolled", .unrolled)]
    as [(String, any BackwardEstimator)]
  {
    print("\(name):", try [1, 10, 100].map { try bytesOnTape(estimator, iterations: $0) })
  }
  // snippet.end
}
