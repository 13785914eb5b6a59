import ImplicitLayers
import NeuralLayers
import Tensors

// snippet.dropout
/// A cell that drops elements of its state: which, is drawn outside and handed in with the data.
struct DroppingLayer: Module, FixedPointLayer {
  struct Input { let x: Tensor, mask: DropoutMask }
  let recurrence: Linear, injection: Linear
  var estimator: any BackwardEstimator = .exact
  let stoppingRule = StoppingRule.tolerance(relative: 1e-5, limit: 100)
  func initialState(for u: Input) -> Tensor { .zeros([u.x.shape[0], 8]) }
  func step(_ z: Tensor, given u: Input) -> Tensor {
    (recurrence(u.mask(z)) + injection(u.x)).tanh()
  }
}
// snippet.end

/// Docs/HowTo/WriteACustomCell.md and ChooseSolverAndEstimator.md.
func trainOnTheWholeWay() throws {
  var random = Philox(seed: 7)
  let w = Linear(8, 8, initializer: .xavier(gain: 0.5), using: &random)
  let x = Tensor.normal([4, 3], using: &random)
  // snippet.mask
  let layer = DroppingLayer(recurrence: w, injection: Linear(3, 8, using: &random))
  let context = LayerContext.training(noise: Philox(seed: 3))  // .evaluation drops nothing
  let dropout = Dropout(0.2)
  let (mask, other) = (dropout.mask([4, 8], in: context), dropout.mask([4, 8], in: context))
  let (z, again) = (try layer(.init(x: x, mask: mask)), try layer(.init(x: x, mask: mask)))
  print("the same mask, the same solution:", z.scalars == again.scalars)
  let otherwise = try layer(.init(x: x, mask: other))
  print("another mask, another one:", (z - otherwise).largestMagnitude > 0.01)
  // snippet.end

  // snippet.trajectory
  var cell = layer
  cell.estimator = .oneStep
  let way = try cell.trajectory(.init(x: x, mask: mask), choosing: .evenly(3))
  print("iterates after so many evaluations:", way.indices.map { $0[0] })
  let loss = try way.loss(decay: 0.8) { z in z.square().mean() }
  print("dL/dW:", try gradients(of: loss)[w.weight.tensor]!.shape)
  // snippet.end
}
