import ImplicitLayers
import NeuralLayers
import Tensors
import Training

private let (nodeCount, featureCount, width, classCount) = (300, 8, 16, 4)

/// A graph whose edges lead from `sources` to `targets`.
private struct Graph {
  let sources: IntTensor, targets: IntTensor, degrees: Tensor

  init() {
    let nodes = IntTensor(0..<nodeCount)
    sources = IntTensor.concatenated([nodes, nodes, nodes, nodes])
    targets = IntTensor.concatenated([
      nodes, (nodes * 7 + 3).remainder(by: nodeCount),
      (nodes * nodes + 11).remainder(by: nodeCount), (nodes * 13 + 5).remainder(by: nodeCount),
    ])
    degrees = Tensor.ones([sources.count, 1], dtype: .float64)
      .summedByPosition(targets, extent: nodeCount)
  }

  /// The mean of what arrives at each node: h and the result are [1, nodes, width].
  func means(_ h: Tensor) -> Tensor {
    h.gathered(sources, alongAxis: 1).summedByPosition(targets, alongAxis: 1, extent: nodeCount)
      / degrees
  }
}

/// A graph network iterated to its equilibrium: h = tanh(A h W + x U), nodes told apart by h.
private struct GraphNetwork: Module, FixedPointLayer {
  let recurrence = Parameter(0.3 * numbers(2, [width, width]))
  let injection = Parameter(numbers(3, [featureCount, width]))
  let output = Parameter(0.3 * numbers(4, [width, classCount]))
  let solver: any ForwardSolver = .picard()
  let estimator: any BackwardEstimator = .iterative(.picard(), tolerance: 1e-8, limit: 200)
  let stoppingRule = StoppingRule.tolerance(relative: 1e-8, limit: 200)
  let graph: Graph

  // The whole graph is one sample: axis 0 of the state is 1.
  func inject(_ x: Tensor) -> Tensor { x.matmul(injection.tensor).expandedDimensions(at: 0) }
  func initialState(for injected: Tensor) -> Tensor { injected.zerosLike() }
  func step(_ h: Tensor, given injected: Tensor) -> Tensor {
    (graph.means(h).matmul(recurrence.tensor) + injected).tanh()
  }

  func logits(_ x: Tensor) throws -> Tensor {
    try self(x).squeezed(axis: 0).matmul(output.tensor)
  }
}

func trainGraphNetwork() throws -> Results {
  let (graph, features) = (Graph(), numbers(1, [nodeCount, featureCount]))
  let second = features[graph.sources[nodeCount..<2 * nodeCount], 1]
  let labels = (features[.all, 0] .> 0).asIntegers + (second .> 0).asIntegers * 2
  let isKnown = IntTensor(0..<nodeCount).remainder(by: 3) .!= 0
  let known = isKnown.positions[0]
  let model = GraphNetwork(graph: graph)
  var adam = Adam()
  var loss = Tensor(0)
  for _ in 0..<25 {
    loss = try model.logits(features)[known].crossEntropy(targets: labels[known]).mean()
    adam.step(model.namedParameters, gradients: try gradients(of: loss)) { _ in 0.02 }
  }
  let guesses = try withoutRecording { try model.logits(features) }.argmax(alongAxis: 1)
  let right = (guesses .== labels)[.!isKnown]
  return [
    "loss": loss.scalar, "accuracy": Double(right.trueCount) / Double(right.count),
    "|W|": norm(model.recurrence.tensor),
  ]
}
