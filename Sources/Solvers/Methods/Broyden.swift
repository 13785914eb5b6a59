import Tensors

/// Broyden's (good) method with limited memory: a quasi-Newton iteration on g(z) = f(z) - z.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .broyden()) { z in (z.matmul(w) + x).tanh() }
/// ```
/// H = -I + sum u_i v_i^T approximates (J - I)^-1, and p = -H g is the quasi-Newton step. Each step
/// that is tried changes H by the least change that maps the change of g to the step
/// (`BroydenInverse.learn`); `TrustRegion` decides how far it is followed. While all goes well the
/// step is taken in full, and costs one application of H, one of H^T and one evaluation. Every
/// sample has its own H.
///
/// On a linear map of n unknowns the method ends within 2n steps (Gay 1979). When the memory is
/// full and there are fewer unknowns than updates, H is rewritten as n pairs that represent the
/// same matrix, and nothing is forgotten. Otherwise H starts again from -I, because dropping single
/// pairs would break the secant equation. The method keeps 2 updates + 6 vectors of the state's
/// size.
public struct Broyden: ForwardSolver {
  /// The number of updates that H remembers, at least 1.
  public let updates: Int
  /// The growth of the residual over its best that makes a sample return to its best point.
  public let growth: Double
  private let known: BroydenInverse?

  /// A quasi-Newton iteration.
  ///
  /// Stops when a number is out of range, or `previous` was found by another method.
  ///
  /// - Parameters:
  ///   - updates: the number of updates that H remembers; default 30, more than most solves need.
  ///   - growth: the growth of the residual at which a sample returns to its best point; default
  ///     100.
  ///   - previous: the inverse of a nearby problem with the same batch, which this method has built
  ///     with the same number of updates (`Solution.inverse`); default nil. Start from its solution
  ///     too.
  public init(
    updates: Int = 30, growth: Double = 100, resuming previous: (any InverseJacobian)? = nil
  ) {
    expect(updates >= 1, "Broyden's method remembers at least one update, not \(updates)")
    expect(growth > 1, "the growth that is tolerated must exceed 1, not \(growth)")
    (self.updates, self.growth) = (updates, growth)
    known = previous.map { previous in
      guard let inverse = previous as? BroydenInverse, inverse.capacity == updates else {
        callerMistake(
          "Broyden's method with \(updates) updates resumes from an inverse that it learned "
            + "itself with as many updates, not from \(type(of: previous))")
      }
      return inverse
    }
  }

  /// H of every sample, the step p that it proposes, and how far that is followed.
  public struct History: PerSample, Sendable {
    fileprivate var inverse: BroydenInverse
    fileprivate var direction: Tensor?
    fileprivate var region: TrustRegion

    /// Shows all of the history to the visitor, since every part of it belongs to samples.
    public mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&inverse)
      visitor.visit(&direction)
      visitor.visit(&region)
    }
  }

  /// A history that begins with H = -I, or with the inverse that is resumed.
  public func makeHistory() -> History {
    History(
      inverse: known ?? BroydenInverse(capacity: updates),
      region: TrustRegion(StepPolicy(growth: growth, excursion: 12, memory: updates)))
  }

  /// The next iterate: H learns from the last step, then z moves along -H g.
  public func next(after point: Iterate, _ history: inout History) -> Tensor {
    let trial = history.region.judge(point)
    let g = history.region.base?.residual ?? point.residual
    let isFull = history.inverse.rank == updates
    let mayForget = isFull && g.unknownsOfSamples >= updates
    if mayForget {
      history.inverse.removeAll()
    } else if isFull {
      history.inverse.compress(like: g)
    }
    var p: Tensor
    if let trial, let last = history.direction, !mayForget {
      p = history.inverse.learn(
        step: trial.step, residual: point.residual, direction: last, noise: point.noise,
        isAccepted: trial.isAccepted, isInformative: trial.isInformative)
      if trial.hasReturned.contains(true) {
        p = p.replacingSamples(trial.hasReturned, with: -history.inverse.applied(to: g))
      }
    } else {
      p = -history.inverse.applied(to: g)
    }
    let isLost = p.normsOfSamples.map { !$0.isFinite }
    if isLost.contains(true) {
      history.inverse.clear(isLost)
      p = p.replacingSamples(isLost, with: g)
    }
    history.direction = p
    return history.region.next(along: p)
  }

  /// H, for an estimator that reuses it.
  public func inverse(from history: History) -> (any InverseJacobian)? { history.inverse }
  /// True: H is learned whether or not an estimator uses it.
  public var learnsInverse: Bool { true }
  /// How many failures in succession a sample is allowed, since each is answered by a shorter step.
  public var toleratedFailures: Int { TrustRegion.toleratedFailures }
}

extension ForwardSolver where Self == Broyden {
  /// Broyden's method that remembers so many updates.
  public static func broyden(
    updates: Int = 30, growth: Double = 100, resuming previous: (any InverseJacobian)? = nil
  ) -> Broyden {
    Broyden(updates: updates, growth: growth, resuming: previous)
  }
}
