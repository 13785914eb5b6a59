import Tensors

/// Newton's method on g(z) = f(z) - z, each linear system solved by GMRES only as far as it pays.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .newtonKrylov()) { z in (z.matmul(w) + x).tanh() }
/// ```
/// A step s solves (I - J) s = g to |g - (I - J) s| <= eta |g| with the forcing term of Eisenstat
/// and Walker (1996, choice 2), eta = .9 (|g| / |g before|)^2, within [1e-4, .1]; 1e-4 where the last
/// step failed or led uphill. How far it is followed is the business of `TrustRegion`.
/// Each sample has its own Krylov space, forcing term and step length: while one tries a shorter
/// step, another takes its next. The linearisation costs one evaluation in each Newton step, and
/// where the stopping rule leaves a sample a single one it takes a fixed-point step.
///
/// Products J s are exact (`Linearization`), not quotients of differences.
///
/// When it is unrolled, every iterate has the implicit derivative at its own place
/// (`implicitlyDifferentiated`); the initial state gets no gradient.
public struct NewtonKrylov: ForwardSolver {
  /// The dimension of the Krylov space at which GMRES restarts.
  public let dimension: Int
  /// The largest number of Jacobian products for one step.
  public let limit: Int

  /// An inexact Newton method.
  ///
  /// Stops when a number is not positive.
  ///
  /// - Parameters:
  ///   - dimension: default 50; twice as many vectors of the state's size are kept during a step.
  ///   - limit: default 200 for one step; a step that is not solved by then is tried as it is.
  public init(dimension: Int = 50, limit: Int = 200) {
    expect(
      dimension >= 1 && limit >= 1,
      "Newton-Krylov needs a positive dimension and products, not \(dimension) and \(limit)")
    (self.dimension, self.limit) = (dimension, limit)
  }

  /// The step, and how far it is followed.
  public struct History: PerSample, Sendable {
    fileprivate var direction: Tensor?
    fileprivate var region: TrustRegion

    /// Everything.
    public mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&direction)
      visitor.visit(&region)
    }
  }

  /// Before the first step.
  public func makeHistory() -> History { History(region: TrustRegion(StepPolicy(excursion: 6))) }

  /// A shorter step where the last was too long, a new one elsewhere.
  public func next(after point: Iterate, _ history: inout History) throws -> Tensor {
    let found = try withoutRecording { try step(after: point.detached(), &history) }
    guard isRecording else { return found }
    return try implicitlyDifferentiated(
      found, in: point.map, by: GMRES(dimension: dimension, tolerance: 0, limit: 10 * limit))
  }

  private func step(after point: Iterate, _ history: inout History) throws -> Tensor {
    let before = history.region.norms
    let trial = history.region.judge(point)
    let base = history.region.base ?? KnownPoint(point)
    let isWaiting = point.norms.indices.map { row in
      trial.map { $0.isAccepted[row] || $0.hasReturned[row] } ?? true
        && !point.map.isSettled(row: row)
    }
    let rows = isWaiting.indices.filter { isWaiting[$0] && point.map.mayLinearize(row: $0) }
    var p = history.direction?.replacingSamples(isWaiting, with: base.residual) ?? base.residual
    if !rows.isEmpty {
      let forcing = rows.map { row -> Double in
        guard let trial else { return 0.1 }
        let ratio = point.norms[row] / before[row]
        return trial.isAccepted[row] && ratio < 1 ? min(max(0.9 * ratio * ratio, 1e-4), 0.1) : 1e-4
      }
      let steps = try newtonStep(from: base.samples(rows), rows, forcing, point)
      p = rows.count == isWaiting.count ? steps : p.replacing(rows, steps)
    }
    history.direction = p
    return history.region.next(along: p)
  }

  /// (I - J)^-1 g in the given rows, to the forcing terms.
  ///
  /// Where I - J is singular and g partly outside of its range, that leads far away along a null
  /// vector: then what is easily explained of g has to do, and no step is longer than ten thousand
  /// sizes of the state.
  private func newtonStep(
    from base: KnownPoint, _ rows: [Int], _ tolerances: [Double], _ point: Iterate
  ) throws -> Tensor {
    let near = try point.map.ofRows(rows, around: point.z).linearization(at: base.z)
    func solve(_ tolerances: [Double]) throws -> Tensor {
      try GMRES(dimension: dimension, limit: limit).solve(
        base.residual, tolerances: tolerances, isVerified: false
      ) { s in try s - near.pushforward(s) }.value
    }
    let step = try solve(tolerances)
    let bounds = zip(base.z.normsOfSamples, base.residual.normsOfSamples).map {
      1e4 * max($0 + $1, 1)
    }
    let isHuge = zip(step.normsOfSamples, bounds).map { !($0 <= $1) }
    guard isHuge.contains(true) else { return step }
    let loose = try solve(zip(isHuge, tolerances).map { $0 ? 0.9 : $1 })
    let factors = zip(loose.normsOfSamples, bounds).map { min(1, $1 / $0) }
    return step.replacingSamples(isHuge, with: loose.scalingSamples(by: factors))
  }

  /// Each is answered by a shorter step.
  public var toleratedFailures: Int { TrustRegion.toleratedFailures }
}

extension ForwardSolver where Self == NewtonKrylov {
  /// Newton's method with GMRES inside.
  public static func newtonKrylov(dimension: Int = 50, limit: Int = 200) -> NewtonKrylov {
    NewtonKrylov(dimension: dimension, limit: limit)
  }
}
