import ImplicitLayers
import NeuralLayers
import Tensors

struct TanhLayer: Module, FixedPointLayer {
  let recurrence: Linear, injection: Linear
  var estimator: any BackwardEstimator = .exact
  let stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 60)
  func initialState(for x: Tensor) -> Tensor { .zeros([x.shape[0], 8]) }
  func step(_ z: Tensor, given x: Tensor) -> Tensor { (recurrence(z) + injection(x)).tanh() }
}
var random = Philox(seed: 7)
let w = Linear(8, 8, initializer: .xavier(gain: 0.5), using: &random)
let layer = TanhLayer(recurrence: w, injection: Linear(3, 8, using: &random))
let solution = try layer.solve(.normal([4, 3], using: &random))
let table = try gradients(of: solution.value.square().sum())
let pullbacks = table.backwardReport(of: solution)!.pullbacks
print(solution.report)
print("dL/dW: \(table[w.weight.tensor]!.shape), \(pullbacks) pullbacks")
