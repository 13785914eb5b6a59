import Foundation
import ImplicitLayers
import Tensors

// How much to shrink a regression: the ridge penalty is chosen by the loss on data that the fit has not
// seen. The fit is a minimum, and the validation loss a function of the penalty through it; Newton's
// method on that function takes its first and its second derivative.

// snippet.data
var random = Philox(seed: 5)
let (features, rows) = (12, 16)
let truth = Tensor.normal([features, 1], dtype: .float64, using: &random)
func sample(_ rows: Int, using random: inout Philox) -> (x: Tensor, y: Tensor) {
  let x = Tensor.normal([rows, features], dtype: .float64, using: &random)
  let noise = Tensor.normal([rows, 1], dtype: .float64, using: &random)
  return (x, x.matmul(truth) + noise * 2)
}
let (train, validation) = (sample(rows, using: &random), sample(200, using: &random))
// snippet.end

// snippet.fit
/// The weights that fit best under a penalty, [1, features]: one sample of a batch of one.
func fit(_ logPenalty: Tensor) throws -> Tensor {
  try minimum(
    of: { w in
      let misfit = (train.x.matmul(w.reshaped([features, 1])) - train.y).square().sum()
      return (misfit + logPenalty.exp() * w.square().sum()).reshaped([1])
    }, from: .zeros([1, features], dtype: .float64),
    until: .tolerance(relative: 1e-10, limit: 200))
}
/// The mean square error on the other data, as a function of the penalty's logarithm.
func validationLoss(_ logPenalty: Tensor) throws -> Tensor {
  let w = try fit(logPenalty).reshaped([features, 1])
  return (validation.x.matmul(w) - validation.y).square().mean()
}
// snippet.end

// snippet.newton
var logPenalty = Tensor(0, dtype: .float64)
print("step   penalty   validation loss   slope     curvature")
for step in 0...5 {
  let (loss, slope) = try valueWithGradient(at: logPenalty, of: validationLoss)
  let bend = try hessian(at: logPenalty, of: validationLoss)
  print(
    String(
      format: "%d      %.4f    %.5f           %8.5f  %8.5f", step, exp(logPenalty.scalar),
      loss.scalar, slope.scalar, bend.scalar))
  // At most a step of 1, and downhill also where the loss bends the other way.
  logPenalty = logPenalty - max(-1, min(1, slope.scalar / abs(bend.scalar)))
}
// snippet.end

// The same by what the penalty is often chosen with: the closed form on a grid.
let normal = train.x.matmul(train.x, transposingSelf: true)
let right = train.x.matmul(train.y, transposingSelf: true).reshaped([1, features])
func closedForm(_ penalty: Double) throws -> Double {
  let system = normal + Tensor.identity(features, dtype: .float64) * penalty
  let w = try LUFactorization(of: system.reshaped([1, features, features])).solve(right)
  let misfit = validation.x.matmul(w.reshaped([features, 1])) - validation.y
  return misfit.square().mean().scalar
}
let grid = try (0...4000).map { index in
  let penalty = exp(Double(index) / 500 - 2)
  return (penalty: penalty, loss: try closedForm(penalty))
}
let best = grid.min { $0.loss < $1.loss }!
print(String(format: "best of 4001 on a grid: penalty %.2f, loss %.5f", best.penalty, best.loss))
