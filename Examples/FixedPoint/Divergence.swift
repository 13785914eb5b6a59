import Foundation
import ImplicitLayers
import Tensors

/// Docs/HowTo/DebugADivergingSolve.md.
func examineDivergence() throws {
  // snippet.diverging
  var random = Philox(seed: 11)
  let w = Tensor.normal([5, 5], dtype: .float64, using: &random) * 0.7
  let x = Tensor.normal([2, 5], dtype: .float64, using: &random)
  let map = FixedPointMap { z in z.matmul(w) + x }
  let rule = StoppingRule.tolerance(relative: 1e-8, limit: 100).keepingTrace()
  let solution = try Picard().solve(map, from: x.zerosLike(), until: rule)
  print(solution.report.samples.map { "\($0.outcome)" })
  print(solution.report.samples[0].trace.prefix(4).map { String(format: "%.2f", $0) })
  // snippet.end

  // snippet.radius
  let radius = try spectralRadius(of: map.callAsFunction, at: x, using: &random)
  let norm = try spectralNorm(of: map.callAsFunction, at: x, using: &random)
  print(String(format: "spectral radius %.1f, spectral norm %.1f", radius[0], norm[0]))
  // snippet.end

  // snippet.remedies
  for solver in [.picard(relaxation: 0.3), .anderson(), .broyden(), .newtonKrylov(), .automatic]
    as [any ForwardSolver]
  {
    let report = try solver.solve(map, from: x.zerosLike(), until: rule).report
    print("\(solver.name): \(report.samples[0].outcome), \(report.evaluations) evaluations")
  }
  // snippet.end

  // snippet.limits
  let cycle = FixedPointMap { z in x - z }
  for limit in [40, 200] {
    let rule = StoppingRule.tolerance(relative: 1e-8, limit: limit)
    let report = try Picard().solve(cycle, from: x.zerosLike(), until: rule).report
    print("limit \(limit): \(report.samples[0].outcome) after \(report.evaluations) evaluations")
  }
  // snippet.end

  // snippet.damping
  for eigenvalue in [-1.5, 1.5] {
    let map = FixedPointMap { z in z * eigenvalue + x }
    for solver in [.picard(), .picard(relaxation: 0.3), .anderson()] as [any ForwardSolver] {
      let report = try solver.solve(map, from: x.zerosLike(), until: rule).report
      print("\(eigenvalue), \(solver.name): \(report.samples[0].outcome)")
    }
  }
  // snippet.end
}
