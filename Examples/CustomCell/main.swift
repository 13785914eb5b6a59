import Foundation
import ImplicitLayers
import NeuralLayers
import Tensors
import Training

// A layer of one's own: z = tanh(W z + U x + b), trained to tell two spirals apart from the
// coordinates alone. No finite stack of layers is chosen: each point iterates until it has arrived.

/// z = tanh(W z + U x + b), where the magnitudes of each row of W add up to .95.
///
/// So the map contracts in the maximum norm whatever training does to the weights: the fixed point
/// exists, and there is only one.
struct TanhCell: Module, FixedPointLayer {
  let recurrence: Parameter, injection: Linear
  let solver: any ForwardSolver = .anderson(depth: 5)
  let estimator: any BackwardEstimator = .gmres(tolerance: 1e-3)
  let stoppingRule = StoppingRule.tolerance(relative: 1e-4, limit: 100)

  init(inputs: Int, width: Int, using generator: inout Philox) {
    recurrence = Parameter(.normal([width, width], using: &generator))
    injection = Linear(inputs, width, initializer: .xavier(gain: 3), using: &generator)
  }

  /// What does not change between iterations: U x + b and the scaled W.
  func inject(_ x: Tensor) -> (u: Tensor, w: Tensor) {
    let w = recurrence.tensor
    return (injection(x), w / w.abs().sum(alongAxis: 1, keepingAxis: true) * 0.95)
  }
  func initialState(for given: (u: Tensor, w: Tensor)) -> Tensor { given.u.zerosLike() }
  func step(_ z: Tensor, given: (u: Tensor, w: Tensor)) -> Tensor {
    (z.matmul(given.w, transposingOther: true) + given.u).tanh()
  }
}

struct Classifier: Module {
  let cell: TanhCell, output: Linear

  init(using generator: inout Philox) {
    cell = TanhCell(inputs: 2, width: 32, using: &generator)
    output = Linear(32, 2, using: &generator)
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor { output(try cell(x)) }
}

/// Points on two arms that wind around each other one and a half times, with noise.
func spirals(_ count: Int, using generator: inout Philox) -> (x: Tensor, arms: IntTensor) {
  let turns = Tensor.uniform([count], using: &generator).scalars
  let noise = Tensor.normal([count, 2], using: &generator).scalars
  var points: [Double] = []
  for index in 0..<count {
    let t = turns[index].squareRoot()
    let angle = 3 * Double.pi * t + (index.isMultiple(of: 2) ? 0 : Double.pi)
    points.append(2 * t * cos(angle) + 0.05 * noise[2 * index])
    points.append(2 * t * sin(angle) + 0.05 * noise[2 * index + 1])
  }
  return (Tensor(points, shape: [count, 2]), IntTensor((0..<count).map { $0 % 2 }))
}

var generator = Philox(seed: 5)
let training = spirals(600, using: &generator)
let held = spirals(400, using: &generator)
let model = Classifier(using: &generator)
var adam = Adam()

func accuracy(_ data: (x: Tensor, arms: IntTensor)) throws -> Double {
  let guesses = try withoutRecording { try model(data.x) }.argmax(alongAxis: -1)
  return Double((guesses .== data.arms).trueCount) / Double(data.arms.count)
}

for step in 0...300 {
  let loss = try model(training.x).crossEntropy(targets: training.arms).mean()
  adam.step(model.namedParameters, gradients: try gradients(of: loss)) { _ in
    step < 200 ? 0.03 : 0.005
  }
  guard step % 100 == 0 else { continue }
  let found = try withoutRecording { try model.cell.solve(held.x) }
  print(
    "step \(step): loss \(String(format: "%.4f", loss.scalar)),",
    "\(found.report.evaluations) evaluations to the fixed point,",
    "accuracy on held-out points \(String(format: "%.1f", try accuracy(held) * 100)) %")
}
print("accuracy \(String(format: "%.1f", try accuracy(held) * 100)) %")
