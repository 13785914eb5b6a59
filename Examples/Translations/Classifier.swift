import ImplicitLayers
import NeuralLayers
import Tensors
import Training

/// A deep-equilibrium classifier: z = tanh(W z + U x + b), three rings of points told apart.
///
/// The magnitudes of each row of W add up to 0.9, so that there is one equilibrium, whatever is learned.
private struct Classifier: Module, FixedPointLayer {
  let recurrence = Parameter(numbers(2, [24, 24]))
  let injection = Parameter(2 * numbers(3, [24, 2]))
  let bias = Parameter(.zeros([24], dtype: .float64))
  let output = Parameter(0.3 * numbers(4, [3, 24]))
  let offset = Parameter(.zeros([3], dtype: .float64))
  let solver: any ForwardSolver = .picard()
  let estimator: any BackwardEstimator = .iterative(.picard(), tolerance: 1e-8, limit: 200)
  let stoppingRule = StoppingRule.tolerance(relative: 1e-8, limit: 200)

  func inject(_ x: Tensor) -> (weight: Tensor, injected: Tensor) {
    let w = recurrence.tensor
    return (
      0.9 * w / w.abs().sum(alongAxis: 1, keepingAxis: true),
      x.linear(injection.tensor, bias: bias.tensor)
    )
  }
  func initialState(for given: (weight: Tensor, injected: Tensor)) -> Tensor {
    given.injected.zerosLike()
  }
  func step(_ z: Tensor, given: (weight: Tensor, injected: Tensor)) -> Tensor {
    (z.linear(given.weight) + given.injected).tanh()
  }

  func logits(_ x: Tensor) throws -> Tensor {
    try self(x).linear(output.tensor, bias: offset.tensor)
  }
}

func trainClassifier() throws -> Results {
  let points = numbers(1, [200, 2])
  let radii = points.square().sum(alongAxis: 1)
  let rings = (radii .> 0.35).asIntegers + (radii .> 0.9).asIntegers
  let model = Classifier()
  var adam = Adam()
  var loss = Tensor(0)
  for _ in 0..<25 {
    loss = try model.logits(points).crossEntropy(targets: rings).mean()
    adam.step(model.namedParameters, gradients: try gradients(of: loss)) { _ in 0.05 }
  }
  let right = try withoutRecording { try model.logits(points) }.argmax(alongAxis: 1) .== rings
  return [
    "loss": loss.scalar, "accuracy": Double(right.trueCount) / 200,
    "|W|": norm(model.recurrence.tensor),
  ]
}
