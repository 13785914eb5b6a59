import Tensors

/// Newton's method on g(z) = f(z) - z, each linear system solved by GMRES only as far as it pays.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .newtonKrylov()) { z in (z.matmul(w) + x).tanh() }
/// ```
/// A step s solves (I - J) s = g to |g - (I - J) s| <= eta |g| with the forcing term of Eisenstat
/// and Walker (1996, choice 2), eta = .9 (|g| / |g before|)^2, kept from falling too fast by
/// .9 (eta before)^2 where that exceeds .1. The step is halved, down to 1/64, until
/// |g(z + a s)| <= (1 - 1e-4 a) |g|; if no length will do, a fixed-point step is taken instead.
/// Each sample has its own Krylov space, forcing term and step length: while one tries a shorter
/// step, another takes its next. Trial points are the iterates of the ordinary loop, so they count
/// as evaluations; the linearisation costs one more in each Newton step, and where the stopping
/// rule leaves a sample a single evaluation it takes a fixed-point step.
///
/// Products J s are exact: J^T w is linear in w, so its record on the tape, run backwards, is J s
/// (`Linearization`): no difference quotient has to choose between truncation and rounding. Where
/// the map has a fused operator, which the tape cannot differentiate twice, the Jacobian is
/// assembled from n pullbacks per Newton step, which is exact too.
///
/// When it is unrolled, a step is differentiated as what it converges to: an iterate gets the
/// implicit derivative at its own place. This differs from the derivative of the arithmetic by
/// O(|s|), needs no second derivative, and makes unrolling over Newton's method the exact
/// adjoint; the initial state gets no gradient.
public struct NewtonKrylov: ForwardSolver {
  /// The dimension of the Krylov space at which GMRES restarts.
  public let dimension: Int
  /// The largest number of Jacobian products for one step.
  public let products: Int

  /// An inexact Newton method.
  ///
  /// Stops when a number is not positive.
  ///
  /// - Parameters:
  ///   - dimension: default 50; twice as many vectors of the state's size are kept during a step.
  ///   - products: default 200 for one step; a step that is not solved by then is tried as it is.
  public init(dimension: Int = 50, products: Int = 200) {
    expect(
      dimension >= 1 && products >= 1,
      "Newton-Krylov needs a positive dimension and number of products, not \(dimension) and "
        + "\(products)")
    self.dimension = dimension
    self.products = products
  }

  /// Where each sample's step started, its direction and its length.
  public struct History: Sendable {
    fileprivate var base: Tensor?
    fileprivate var direction: Tensor?
    fileprivate var residual: Tensor?
    fileprivate var samples: [SearchState] = []
  }

  /// The line search and the forcing term of one sample.
  fileprivate struct SearchState: Sendable {
    var baseNorm = Double.infinity
    var length = 1.0
    var forcing = 0.5
    /// Whether any length failed, so that a fixed-point step was taken; it is not questioned.
    var isPlain = true
  }

  /// Before the first step.
  public func makeHistory() -> History { History() }

  /// Newton's step with J taken as zero: all that can be known without the map.
  public func next(after z: Tensor, image fz: Tensor, _ history: inout History) -> Tensor { fz }

  /// A shorter step where the last was too long, a new one elsewhere.
  public func next(
    after z: Tensor, image fz: Tensor, in context: SolveContext, _ history: inout History
  ) throws -> Tensor {
    let found = try withoutRecording {
      try step(after: z.detached(), image: fz.detached(), in: context, &history)
    }
    return isRecording ? try implicitlyDifferentiated(found, in: context) : found
  }

  private func step(
    after z: Tensor, image fz: Tensor, in context: SolveContext, _ history: inout History
  ) throws -> Tensor {
    let g = fz - z
    let norms = g.normsOfSamples
    let batch = norms.count
    if history.base == nil {
      (history.base, history.direction, history.residual) = (z, g, g)
      history.samples = Array(repeating: SearchState(), count: batch)
    }
    guard var base = history.base, var direction = history.direction,
      var residual = history.residual
    else { return fz }

    // Which samples accept this point, and with what forcing they solve for the next step.
    var accepts = [Bool](repeating: false, count: batch)
    for sample in 0..<batch where !context.isSettled(row: sample) {
      var state = history.samples[sample]
      let bound = (1 - 1e-4 * state.length) * state.baseNorm
      if norms[sample] <= bound || (state.isPlain && norms[sample].isFinite) {
        accepts[sample] = true
        state.forcing = forcing(
          norms[sample] / state.baseNorm, before: state.forcing,
          isFirst: state.baseNorm == .infinity)
        state.baseNorm = norms[sample]
        (state.length, state.isPlain) = (1, !context.mayLinearize(row: sample))
      } else if state.length > 1.0 / 64 {
        state.length /= 2
      } else {
        (state.length, state.isPlain) = (1, true)
      }
      history.samples[sample] = state
    }
    base = base.replacingSamples(accepts, with: z)
    residual = residual.replacingSamples(accepts, with: g)
    // With one evaluation left there is none for a linearisation: the step is a plain one.
    let rows = accepts.indices.filter { accepts[$0] && !history.samples[$0].isPlain }
    if !rows.isEmpty {
      let solved = try newtonStep(
        at: z, residual: g, rows, forcing: rows.map { history.samples[$0].forcing }, in: context)
      direction = solved.count == direction.count ? solved : direction.replacing(rows, solved)
    }
    let plain = history.samples.map(\.isPlain)
    direction = direction.replacingSamples(plain, with: residual)
    (history.base, history.direction, history.residual) = (base, direction, residual)
    return base.adding(direction, times: history.samples.map(\.length))
  }

  /// (I - J)^-1 g in the given rows, to the forcing terms.
  private func newtonStep(
    at z: Tensor, residual g: Tensor, _ rows: [Int], forcing: [Double], in context: SolveContext
  ) throws -> Tensor {
    let isAll = rows.count == z.shape[0]
    let some = try context.context(ofRows: rows, around: z)
    let near = try some.linearization(at: isAll ? z : z.samples(rows))
    return try GMRES(dimension: dimension, limit: products).solve(
      isAll ? g : g.samples(rows), tolerances: forcing
    ) { s in try s - near.pushforward(s) }.value
  }

  /// Eisenstat and Walker's second choice, with their safeguard; half at the first step.
  private func forcing(_ ratio: Double, before: Double, isFirst: Bool) -> Double {
    guard !isFirst else { return 0.5 }
    let choice = 0.9 * ratio * ratio
    let floor = 0.9 * before * before
    return min(max(choice, floor > 0.1 ? floor : 0), 0.9)
  }

  /// The same point with the derivative of the fixed point there: v -> (I - J^T)^-1 v -> df/dtheta.
  private func implicitlyDifferentiated(_ z: Tensor, in context: SolveContext) throws -> Tensor {
    let (image, pullback) = try valueWithPullback(at: z) {
      try context.differentiableImage(of: $0)
    }
    let (dimension, products) = (self.dimension, self.products)
    let tolerance = 4 * z.dtype.unitRoundoff
    return image.withElements(of: z).transformingCotangent(name: "unrolled Newton step") { v in
      let found = try GMRES(
        dimension: dimension, tolerance: tolerance, limit: 10 * products
      ).solve(v) { w in try w - pullback(w) }
      if let failure = AdjointNotSolved(found.report, dtype: v.dtype) { throw failure }
      // What comes from NaN stays NaN, in its own sample.
      let isLost = found.report.samples.map { $0.outcome == .nonFinite }
      guard isLost.contains(true) else { return found.value }
      return found.value.replacingSamples(
        isLost, with: .full(.nan, v.shape, dtype: v.dtype))
    }
  }

  /// The line search of some samples.
  public func history(_ history: History, ofSamples positions: [Int]) -> History? {
    History(
      base: history.base?.samples(positions), direction: history.direction?.samples(positions),
      residual: history.residual?.samples(positions),
      samples: history.samples.isEmpty ? [] : positions.map { history.samples[$0] })
  }

  /// Eight: seven step lengths and a fixed-point step.
  public var toleratedFailures: Int { 8 }

  /// The adjoint system of an unrolled Newton step could not be solved.
  public struct AdjointNotSolved: Error, CustomStringConvertible {
    /// The sample, as a row of the states in that step.
    public let row: Int
    /// |v - (I - J^T) w| / |v| that was reached.
    public let relativeResidual: Double

    init?(_ report: LinearSolveReport, dtype: DType) {
      let bound = dtype.unitRoundoff.squareRoot()
      guard
        let row = report.samples.firstIndex(where: {
          $0.outcome != .nonFinite && !($0.relativeResidual <= bound)
        })
      else { return nil }
      self.row = row
      relativeResidual = report.samples[row].relativeResidual
    }

    /// What happened and what to try.
    public var description: String {
      "the adjoint system of an unrolled Newton step was solved only to a relative residual of "
        + "\(relativeResidual) in row \(row): I - J may be singular there; use an estimator for "
        + "singular systems, or raise the Krylov dimension"
    }
  }
}

extension ForwardSolver where Self == NewtonKrylov {
  /// Newton's method with GMRES inside.
  public static func newtonKrylov(dimension: Int = 50, products: Int = 200) -> NewtonKrylov {
    NewtonKrylov(dimension: dimension, products: products)
  }
}

extension NewtonKrylov.History: TensorHistory {
  /// None that is differentiated: a step gets the derivative of what it converges to.
  public var tensors: [Tensor] {
    get { [] }
    set {}
  }
}
