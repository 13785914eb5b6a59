import ImplicitLayers
import Tensors

/// Docs/HowTo/ChooseSolverAndEstimator.md.
func continueFromBefore() throws {
  // snippet.warm-start
  var random = Philox(seed: 9)
  let w = Tensor.normal([40, 40], dtype: .float64, using: &random) * 0.14
  var x = Tensor.normal([3, 40], dtype: .float64, using: &random)
  let rule = StoppingRule.tolerance(relative: 1e-6, limit: 200)
  var before: Solution<Tensor>?
  for frame in 1...3 {
    let map = FixedPointMap { z in (z.matmul(w) + x).tanh() }
    let solver = Broyden(resuming: before?.inverse)
    let solution = try solver.solve(map, from: before?.value ?? x.zerosLike(), until: rule)
    print("frame \(frame): \(solution.report.evaluations) evaluations")
    x = x + Tensor.normal(x.shape, dtype: .float64, using: &random) * 0.001
    before = solution
  }
  // snippet.end
}
