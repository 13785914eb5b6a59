import Tensors

/// Broyden's (good) method with limited memory: a quasi-Newton iteration on g(z) = f(z) - z.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .broyden()) { z in (z.matmul(w) + x).tanh() }
/// ```
/// H = -I + sum u_i v_i^T approximates (J - I)^-1. After a step s = -H g with y = g+ - g, the least
/// change of H that maps y to s is H + (s - H y) w^T / d with w = H^T s, d = <w, y> (Broyden 1965).
/// Since H y = H g+ + s and <w, g> = -|s|^2,
///
///     d = <w, g+> + |s|^2,   u = -H g+ / d,   v = w,   next step = -H g+ |s|^2 / d
///
/// so that a step applies H once and H^T once. Every sample has its own H, which a d of no more than
/// the residuals' rounding leaves as it is. On a linear map of n unknowns it ends within 2n steps
/// (Gay 1979). When the memory is full, H starts again from -I: dropping single pairs would break
/// the secant equation. One evaluation a step; 2 memory + 5 vectors of the state's size are kept.
public struct Broyden: ForwardSolver {
  /// The number of updates after which H starts again from -I, at least 1.
  public let memory: Int
  /// The growth of the residual over its best that makes a sample start anew from its best point.
  public let growth: Double
  private let known: LowRankInverse?

  /// A quasi-Newton iteration.
  ///
  /// Stops when a number is out of range.
  ///
  /// - Parameters:
  ///   - memory: default 30, more updates than most solves need.
  ///   - growth: default 100.
  ///   - previous: a solution by this method of a nearby problem with the same batch, whose H is
  ///     taken over while it fits into the memory; default none. Start from its value too.
  public init(memory: Int = 30, growth: Double = 100, resuming previous: Solution? = nil) {
    expect(memory >= 1, "Broyden's method remembers at least one update, not \(memory)")
    expect(growth > 1, "the growth that is tolerated must exceed 1, not \(growth)")
    self.memory = memory
    self.growth = growth
    known = previous?.inverse as? LowRankInverse
  }

  fileprivate typealias LastStep = (residual: Tensor, step: Tensor, isDamped: [Bool]?)

  /// H, the last step and the best point.
  public struct History: Sendable {
    /// The residual before the last step, that step, and where it was damped.
    fileprivate var last: LastStep?
    fileprivate var inverse: LowRankInverse
    fileprivate var safeguard: Safeguard
  }

  /// H = -I, or that of the solution that is resumed.
  public func makeHistory() -> History {
    let inverse =
      known.flatMap { $0.capacity == memory ? $0 : nil } ?? LowRankInverse(capacity: memory)
    return History(inverse: inverse, safeguard: Safeguard(growth: growth))
  }

  /// z - H+ g.
  public func next(after z: Tensor, image fz: Tensor, _ history: inout History) -> Tensor {
    let residual = fz - z
    return next(after: z, residual, residual.normsOfSamples, &history)
  }

  /// The same, with the residual that the solve has computed already.
  public func next(
    after z: Tensor, image fz: Tensor, in context: SolveContext, _ history: inout History
  ) -> Tensor {
    let residual = context.residual(at: z, image: fz)
    return next(after: z, residual.value, residual.norms, &history)
  }

  private func next(
    after z: Tensor, _ residual: Tensor, _ norms: [Double], _ history: inout History
  ) -> Tensor {
    let shape = z.shape
    let start = history.safeguard.start(
      z.flatSamples, residual: residual.flatSamples, norms: norms)
    let g = start.residual
    if let returned = start.returned { history.inverse.clear(returned) }
    if history.inverse.rank == memory {
      history.inverse.removeAll()
      history.last = nil
    }
    var step = -history.inverse.applied(to: g)
    if let last = history.last {
      step = update(
        &history.inverse, last, g, quasiNewton: step, noise: z.residualNoise,
        skipping: start.returned)
    }
    // The update assumes a full step, which a damped one is not.
    history.last = (g, step, start.returned)
    return start.select(start.z + step).reshaped(shape)
  }

  /// Makes H satisfy the secant equation of the last step.
  ///
  /// - Parameters:
  ///   - inverse: H.
  ///   - last: the residual before the last step, and that step.
  ///   - g: the residual after it.
  ///   - quasiNewton: -H g with the present H.
  ///   - noise: what rounding alone makes of a residual, per sample.
  ///   - returned: samples whose last step is not to be learned from.
  /// - Returns: -H g with the new one.
  private func update(
    _ inverse: inout LowRankInverse, _ last: LastStep, _ g: Tensor, quasiNewton: Tensor,
    noise: [Double], skipping returned: [Bool]?
  ) -> Tensor {
    let w = inverse.transposeApplied(to: last.step)
    let square = last.step.square().sum(alongAxis: 1, keepingAxis: true)
    let d = (w * g).sum(alongAxis: 1, keepingAxis: true) + square
    // A denominator that is rounding noise, or not finite, carries no information: y is known to
    // the noise of the residuals, <w, y> to |w| times that.
    let bounds = withoutRecording {
      let changes = (g.detached() - last.residual.detached()).normsOfSamples
      return zip(w.normsOfSamples, zip(changes, noise)).map { $0 * max(1e-8 * $1.0, $1.1) }
    }
    let isUsable = zip(d.scalars, bounds).enumerated().map { sample, pair in
      abs(pair.0) > pair.1 && pair.0.isFinite && returned?[sample] != true
        && last.isDamped?[sample] != true
    }
    guard isUsable.contains(false) else {
      inverse.append(quasiNewton / d, w)
      return quasiNewton * (square / d)
    }
    let safe = Tensor.selectSamples(isUsable, d, .ones(d.shape, dtype: d.dtype))
    let zero = w.zerosLike()
    inverse.append(
      .selectSamples(isUsable, quasiNewton / safe, zero), .selectSamples(isUsable, w, zero))
    return .selectSamples(isUsable, quasiNewton * (square / safe), quasiNewton)
  }

  /// H and the last step of some samples.
  public func history(_ history: History, ofSamples positions: [Int]) -> History? {
    History(
      last: history.last.map { last in
        (
          last.residual.samples(positions), last.step.samples(positions),
          last.isDamped.map { mask in positions.map { mask[$0] } }
        )
      },
      inverse: history.inverse.samples(positions),
      safeguard: history.safeguard.samples(positions))
  }

  /// H.
  public func inverse(from history: History) -> (any InverseJacobian)? { history.inverse }

  /// Six: each is answered by a shorter step.
  public var toleratedFailures: Int { Safeguard.toleratedFailures }
}

extension ForwardSolver where Self == Broyden {
  /// Broyden's method with a memory of so many updates.
  public static func broyden(
    memory: Int = 30, growth: Double = 100, resuming previous: Solution? = nil
  ) -> Broyden {
    Broyden(memory: memory, growth: growth, resuming: previous)
  }
}

extension Broyden.History: TensorHistory {
  /// The last residual and step, the updates of H and the best point.
  public var tensors: [Tensor] {
    get {
      (last.map { [$0.residual, $0.step] } ?? []) + inverse.tensors + safeguard.tensors
    }
    set {
      var rest = newValue[...]
      last = last.map { (rest.removeFirst(), rest.removeFirst(), $0.isDamped) }
      inverse.tensors = Array(rest.prefix(2 * inverse.rank))
      safeguard.tensors = Array(rest.dropFirst(2 * inverse.rank))
    }
  }
}
