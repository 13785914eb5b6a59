import Foundation
import ImplicitLayers
import Tensors

// snippet.state
/// Two groups of units that excite each other.
struct Pair: FixedPointState {
  var fast: Tensor, slow: Tensor
  var tensors: [Tensor] { [fast, slow] }
  init(tensors: [Tensor]) { (fast, slow) = (tensors[0], tensors[1]) }
}
// snippet.end

/// Docs/HowTo/UseSeveralTensorsAsState.md.
func solveForPair() throws {
  // snippet.pair
  var random = Philox(seed: 4)
  let a = (Tensor.normal([3, 2], using: &random) * 0.4).variable()
  let b = (Tensor.normal([2, 3], using: &random) * 0.4).variable()
  let x = Tensor.normal([5, 2], using: &random)
  let start = Pair(tensors: [.zeros([5, 2]), .zeros([5, 3])])
  let found = try fixedPoint(from: start, using: .anderson(), estimator: .gmres()) { z in
    Pair(tensors: [(z.slow.matmul(a) + x).tanh(), z.fast.matmul(b).tanh()])
  }
  let table = try gradients(of: found.slow.square().sum())
  print("fast \(found.fast.shape), slow \(found.slow.shape)")
  print("gradients of a \(table[a]!.shape) and b \(table[b]!.shape)")
  // snippet.end
}
