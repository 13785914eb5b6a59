import Tensors

/// The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, for minima.
///
/// ```swift
/// let x = try minimum(of: loss, from: start, using: .lbfgs(memory: 20))
/// ```
/// The direction is p = -H dL/dx, with H from the last steps s and changes of gradient y by the
/// two-loop recursion (Nocedal 1980), begun with s^T y / y^T y. A pair is left out, sample by
/// sample, if its curvature s^T y is not positive, or if its y is only rounding. `Descent` decides
/// how far p is followed. The map must be a step against a gradient.
///
/// Each trial point costs an evaluation of L and one of its gradient, of which the report counts
/// the second. The method keeps 2 `memory` vectors of the state's size. If it is unrolled, an
/// iterate is differentiated as the minimum to which it converges, with the Hessian at its own
/// place.
public struct LBFGS: ForwardSolver {
  /// The number of pairs that are remembered.
  public let memory: Int

  /// The method.
  ///
  /// Stops when `memory` is not positive.
  ///
  /// - Parameter memory: the number of pairs that are remembered; default 10.
  public init(memory: Int = 10) {
    expect(memory >= 1, "L-BFGS remembers at least one step, not \(memory)")
    self.memory = memory
  }

  /// The pairs of steps and changes, and the descent.
  public struct History: PerSample, Sendable {
    fileprivate var pairs = CurvaturePairs()
    fileprivate var descent = Descent()

    /// Shows all of the history to the visitor, since every part of it belongs to samples.
    public mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&pairs)
      visitor.visit(&descent)
    }
  }

  /// The history before the first step, in which nothing has been learned yet.
  public func makeHistory() -> History { History() }

  /// A shorter step in the samples whose loss did not fall, and a new direction in the others.
  public func next(after point: Iterate, _ history: inout History) throws -> Tensor {
    try implicitlyDifferentiated(after: point) { try step(after: $0, &history) }
  }

  private func step(after point: Iterate, _ history: inout History) throws -> Tensor {
    let former = history.descent.base
    let isNew = try history.descent.judge(point)
    guard let base = history.descent.base else { return point.image }
    if let former, isNew.contains(true) {
      history.pairs.learn(
        step: base.z - former.z, change: former.residual - base.residual, noise: point.noise,
        limit: memory)
    }
    let (p, lengths) = history.pairs.applied(to: base.residual)
    return history.descent.next(along: p, isNew: isNew, lengths: lengths)
  }

  /// True: a residual may grow on the way to a minimum, so this solver also looks at L before it
  /// gives a sample up.
  public var judgesFailures: Bool { true }
  /// The name in reports, "L-BFGS".
  public var name: String { "L-BFGS" }
}

extension ForwardSolver where Self == LBFGS {
  /// L-BFGS with this number of remembered pairs; for `minimum`.
  public static func lbfgs(memory: Int = 10) -> LBFGS { LBFGS(memory: memory) }
}
