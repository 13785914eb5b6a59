import ImplicitLayers
import NeuralLayers
import Tensors

/// Docs/HowTo/ComeFromTorchDEQOrJAXopt.md.
func comeFromTorchDEQ() throws {
  // snippet.deq
  var random = Philox(seed: 1)
  let recurrence = Linear(8, 8, initializer: .xavier(gain: 0.5), using: &random)
  let injection = Linear(3, 8, using: &random)
  let u = injection(.normal([4, 3], using: &random))
  let solution = try solveFixedPoint(
    from: u.zerosLike(), using: .anderson(depth: 5),
    estimator: .iterative(.anderson(depth: 5), tolerance: 1e-4, limit: 60),
    until: .tolerance(relative: 1e-4, limit: 60)
  ) { z in (recurrence(z) + u).tanh() }
  let table = try gradients(of: solution.value.square().sum())
  let shape = table[recurrence.weight.tensor]!.shape
  print("converged: \(solution.report.converged) dL/dW: \(shape)")
  // snippet.end
}
