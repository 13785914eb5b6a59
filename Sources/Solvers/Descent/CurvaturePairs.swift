import Tensors

/// The memory of L-BFGS: its last steps s, with the changes y of the gradient along them.
///
/// Together they define H, an approximation of the inverse Hessian (Nocedal 1980), sample by
/// sample.
struct CurvaturePairs: PerSample, Sendable {
  /// A step with the change of the gradient along it.
  private struct Pair: PerSample, Sendable {
    var step: Tensor
    var change: Tensor
    /// 1 / s^T y; 0 for a pair that is left out.
    var weight: [Double]

    mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&step)
      visitor.visit(&change)
      visitor.visit(&weight)
    }
  }

  /// The pairs, from the oldest to the newest.
  private var pairs: [Pair] = []
  /// s^T y / y^T y of the last pair that was kept; 0 before the first.
  private var scales: [Double] = []

  mutating func visit(_ visitor: inout some SampleVisitor) {
    for index in pairs.indices { visitor.visit(&pairs[index]) }
    visitor.visit(&scales)
  }

  /// Keeps a pair if y exceeds the noise of the gradients whose difference it is: a curvature that
  /// comes from rounding is small, and would make steps long.
  mutating func learn(step: Tensor, change: Tensor, noise: [Double], limit: Int) {
    if scales.isEmpty { scales = Array(repeating: 0, count: step.shape[0]) }
    let curvatures = step.innerProductsOfSamples(with: change)
    let (lengths, changes) = (step.normsOfSamples, change.normsOfSamples)
    var weight = curvatures
    for row in curvatures.indices {
      let says =
        curvatures[row] > 1e-10 * lengths[row] * changes[row] && changes[row] > noise[row]
      weight[row] = says ? 1 / curvatures[row] : 0
      if says { scales[row] = curvatures[row] / (changes[row] * changes[row]) }
    }
    let isEmpty = weight.map { $0 == 0 }
    guard isEmpty.contains(false) else { return }
    pairs.append(Pair(step: step, change: change, weight: weight))
    if isEmpty.contains(true) { keepPairs(ofRows: isEmpty) }
    if pairs.count > limit { pairs.removeFirst() }
  }

  /// Moves the newest pair to the front in the given rows, which have learned nothing in this step,
  /// so that they keep the same pairs as they would alone.
  private mutating func keepPairs(ofRows isEmpty: [Bool]) {
    for index in pairs.indices.dropFirst().reversed() {
      let former = pairs[index - 1]
      pairs[index].step = pairs[index].step.replacingSamples(isEmpty, with: former.step)
      pairs[index].change = pairs[index].change.replacingSamples(isEmpty, with: former.change)
      for row in isEmpty.indices where isEmpty[row] {
        pairs[index].weight[row] = former.weight[row]
      }
    }
    for row in isEmpty.indices where isEmpty[row] { pairs[0].weight[row] = 0 }
  }

  /// H g, and the step length to try first.
  func applied(to g: Tensor) -> (direction: Tensor, lengths: [Double]) {
    let norms = g.normsOfSamples
    guard !pairs.isEmpty else { return (g, norms.map { min(1, 1 / max($0, 1e-300)) }) }
    var p = g
    var factors: [[Double]] = []
    for pair in pairs.reversed() {
      let factor = zip(pair.step.innerProductsOfSamples(with: p), pair.weight).map { $0 * $1 }
      p = p.adding(pair.change, times: factor.map(-))
      factors.append(factor)
    }
    p = p.scalingSamples(by: scales.map { $0 > 0 ? $0 : 1 })
    for (pair, factor) in zip(pairs, factors.reversed()) {
      let products = zip(pair.change.innerProductsOfSamples(with: p), pair.weight).map { $0 * $1 }
      p = p.adding(pair.step, times: zip(factor, products).map { $0 - $1 })
    }
    return (p, zip(scales, norms).map { $0 > 0 ? 1 : min(1, 1 / max($1, 1e-300)) })
  }
}
