import Foundation
import Tensors

/// The rate of single-precision matrix products of this machine, Gflop/s over all workers.
///
/// The best of several rounds of 1024 x 1024 products, each worker multiplying its own; products of
/// this size go to OpenBLAS whole.
func sgemmRate() -> Double {
  let (size, repetitions) = (1024, 5)
  var generator = Philox(seed: 1)
  let a = Tensor.normal([size, size], using: &generator)
  let b = Tensor.normal([size, size], using: &generator)
  let operations = 2 * Double(size * size * size) * Double(repetitions * Workers.count)
  return (0..<7).map { _ in
    let seconds = seconds {
      _ = Workers.map(Workers.count) { _ in
        for _ in 0..<repetitions { _ = a.matmul(b) }
      }
    }
    return operations / seconds / 1e9
  }.max() ?? 0
}
