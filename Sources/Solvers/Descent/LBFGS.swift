import Tensors

/// The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, for minima.
///
/// ```swift
/// let x = try minimum(of: loss, from: start, using: .lbfgs(memory: 20))
/// ```
/// p = -H dL/dx with H from the last steps s and changes of gradient y by the two-loop recursion
/// (Nocedal 1980), begun with s^T y / y^T y; a pair whose curvature s^T y is not positive, or whose y is
/// rounding alone, is left out, sample by sample. How far p is followed: `Descent`. Needs a map that is a step against a gradient.
///
/// For each trial point an evaluation of L and one of its gradient, of which the second counts in the
/// report; 2 `memory` vectors of the state's size. Unrolled, an iterate is differentiated as what it
/// converges to, the minimum, with the Hessian at its own place.
public struct LBFGS: ForwardSolver {
  /// How many pairs are remembered.
  public let memory: Int

  /// The method.
  ///
  /// Stops when `memory` is not positive.
  ///
  /// - Parameter memory: default 10 pairs.
  public init(memory: Int = 10) {
    expect(memory >= 1, "L-BFGS remembers at least one step, not \(memory)")
    self.memory = memory
  }

  /// A step with the change of the gradient along it.
  private struct Pair: PerSample, Sendable {
    var step: Tensor
    var change: Tensor
    /// 1 / s^T y; 0 where the pair says nothing.
    var weight: [Double]

    mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&step)
      visitor.visit(&change)
      visitor.visit(&weight)
    }
  }

  /// The pairs, oldest first, and the descent.
  public struct History: PerSample, Sendable {
    private var pairs: [Pair] = []
    fileprivate var descent = Descent()
    /// s^T y / y^T y of the last pair that says something; 0 before.
    private var scales: [Double] = []

    /// Everything.
    public mutating func visit(_ visitor: inout some SampleVisitor) {
      for index in pairs.indices { visitor.visit(&pairs[index]) }
      visitor.visit(&descent)
      visitor.visit(&scales)
    }

    /// Keeps a pair where y is more than the noise of the gradients it is the difference of: a curvature
    /// that rounding has made up leads as far as it is small.
    fileprivate mutating func learn(step: Tensor, change: Tensor, noise: [Double], limit: Int) {
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

    /// Moves what the given rows, which learned nothing, have as their newest pair to the front, so that
    /// they keep the pairs that they would have alone.
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

    /// H g, and the length to try first.
    fileprivate func applied(to g: Tensor) -> (direction: Tensor, lengths: [Double]) {
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

  /// Before the first step.
  public func makeHistory() -> History { History() }

  /// A shorter step where the loss did not fall, a new direction elsewhere.
  public func next(after point: Iterate, _ history: inout History) throws -> Tensor {
    try implicitlyDifferentiated(after: point) { try step(after: $0, &history) }
  }

  private func step(after point: Iterate, _ history: inout History) throws -> Tensor {
    let former = history.descent.base
    let isNew = try history.descent.judge(point)
    guard let base = history.descent.base else { return point.image }
    if let former, isNew.contains(true) {
      history.learn(
        step: base.z - former.z, change: former.residual - base.residual, noise: point.noise,
        limit: memory)
    }
    let (p, lengths) = history.applied(to: base.residual)
    return history.descent.next(along: p, isNew: isNew, lengths: lengths)
  }

  /// By L as well.
  public var judgesFailures: Bool { true }
  /// "L-BFGS".
  public var name: String { "L-BFGS" }
}

extension ForwardSolver where Self == LBFGS {
  /// L-BFGS that remembers so many steps; for `minimum`.
  public static func lbfgs(memory: Int = 10) -> LBFGS { LBFGS(memory: memory) }
}
