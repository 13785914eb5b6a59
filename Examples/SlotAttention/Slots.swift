import Images
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import Training

// Slots without `slate`: Docs/HowTo/SlotsFromSwift.md. A set of points in the plane comes from three
// clusters; each slot is to find one of them.

// snippet.model
/// Points [batch, points, 2] to one centre for each slot, [batch, slots, 2].
struct ClusterModel: Module {
  let embedding: Perceptron, attention: SlotAttention, starts: Parameter, centre: Linear

  init(slots: Int, using random: inout Philox) {
    embedding = Perceptron(2, hidden: 32, 32, using: &random)
    attention = SlotAttention(
      featureSize: 32, slotSize: 32, mlpHiddenSize: 32, estimator: .unrolled,
      stoppingRule: .evaluations(5), using: &random)
    starts = Parameter(.normal([1, slots, 32], using: &random))
    centre = Linear(32, 2, using: &random)
  }

  func input(_ points: Tensor) -> SlotAttention.Input {
    let starts = starts.tensor.broadcast(to: [points.shape[0], starts.shape[1], 32])
    return SlotAttention.Input(features: embedding(points), initialSlots: starts)
  }

  func callAsFunction(_ points: Tensor) throws -> Tensor {
    centre(try attention(input(points)))
  }
}
// snippet.end

/// Points [batch, 48, 2] around three centres each, and the cluster of each point.
func clusters(_ batch: Int, using random: inout Philox) -> (points: Tensor, clusters: IntTensor) {
  let centres = Tensor.uniform([batch, 3, 1, 2], using: &random) * 4 - 2
  let noise = Tensor.normal([batch, 3, 16, 2], using: &random) * 0.15
  let numbers = IntTensor((0..<batch * 48).map { $0 % 48 / 16 }, shape: [batch, 48])
  return ((centres + noise).reshaped([batch, 48, 2]), numbers)
}

func slotsFromSwift() throws {
  // snippet.train
  var random = Philox(seed: 2)
  let model = ClusterModel(slots: 3, using: &random)
  var optimizer = Adam(rate: 2e-3 * .warmup(steps: 50) * .cosine(from: 1, to: 0.1, steps: 1000))
  for _ in 0..<1000 {
    let (points, _) = clusters(32, using: &random)
    let centres = try model(points)
    let offsets = points.reshaped([32, 48, 1, 2]) - centres.reshaped([32, 1, 3, 2])
    let distances = offsets.square().sum(alongAxis: -1)
    let loss = -(distances * -4).logSumExp(alongAxes: [-1]).mean()
    let table = try gradients(of: loss)
    let norm = GradientNorm(of: model.namedParameters, in: table)
    optimizer.step(model, gradients: table, scale: norm.clippingFactor(bound: 0.1))
  }
  // snippet.use
  let (points, truth) = clusters(100, using: &random)
  let (slots, attention) = try model.attention.attended(model.input(points))
  print("slots:", slots.shape, "attention:", attention.shape)
  let segments = attention.argmax(alongAxis: 1)
  let scores = (0..<100).map { sample in
    SegmentationScores(
      predicted: .init(width: 48, height: 1, ids: segments[sample].scalars.map { UInt16($0) }),
      truth: .init(width: 48, height: 1, ids: truth[sample].scalars.map { UInt16($0) }))
  }
  let mean = SegmentationScores.mean(scores)?.adjustedRandIndex ?? 0
  print("slots are clusters, adjusted Rand index above 0.6:", mean > 0.6)
  // snippet.implicit
  var implicit = model.attention
  implicit.solver = .anderson(depth: 5)
  implicit.estimator = .gmres(tolerance: 1e-3)
  implicit.stoppingRule = .tolerance(relative: 1e-3, limit: 200)
  let solution = try implicit.solve(model.input(points))
  let settled = solution.report.samples.count { $0.outcome == .converged }
  print("a fixed point in more than half of the samples:", settled > 50)
  // snippet.end
}
