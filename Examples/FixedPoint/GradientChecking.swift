import ConformanceChecks
import ImplicitLayers
import NeuralLayers
import Tensors

/// Docs/HowTo/CheckAGradient.md.
func checkGradients() throws {
  // snippet.layer
  struct Cell: Module, FixedPointLayer {
    let recurrence: Linear
    var estimator: any BackwardEstimator = .exact
    var stoppingRule = StoppingRule.tolerance(relative: 1e-10, limit: 200)
    func initialState(for x: Tensor) -> Tensor { x.zerosLike() }
    func step(_ z: Tensor, given x: Tensor) -> Tensor { (recurrence(z) + x).tanh() }
  }
  var random = Philox(seed: 5)
  var cell = Cell(recurrence: Linear(5, 5, initializer: .xavier(gain: 0.5), using: &random))
  cell.convertParameters(to: .float64)
  let x = Tensor.normal([3, 5], dtype: .float64, using: &random)
  // snippet.end

  // snippet.check
  let check = try checkGradient(of: cell, input: x)
  print(check.entries.map(\.name), "passed:", check.passed)
  // snippet.end

  // snippet.biased
  cell.estimator = .oneStep
  print(try checkGradient(of: cell, input: x))
  // snippet.end

  // snippet.loose
  cell.estimator = .exact
  cell.stoppingRule = .evaluations(3)
  print(try checkGradient(of: cell, input: x))
  // snippet.end
}
