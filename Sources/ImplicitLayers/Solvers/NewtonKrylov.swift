import Tensors

/// Newton's method on g(z) = f(z) - z, each linear system solved by GMRES only as far as it pays.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .newtonKrylov()) { z in (z.matmul(w) + x).tanh() }
/// ```
/// A step s solves (I - J) s = g to |g - (I - J) s| <= eta |g| with the forcing term of Eisenstat
/// and Walker (1996, choice 2), eta = .9 (|g| / |g before|)^2, within [1e-4, .1]; 1e-4 where the last
/// step failed or led uphill. How far it is followed is the business of `LineSearch`.
/// Each sample has its own Krylov space, forcing term and step length: while one tries a shorter
/// step, another takes its next. The linearisation costs one evaluation in each Newton step, and
/// where the stopping rule leaves a sample a single one it takes a fixed-point step.
///
/// Products J s are exact (`Linearization`), not quotients of differences.
///
/// When it is unrolled, a step is differentiated as what it converges to: an iterate gets the
/// implicit derivative at its own place. This differs from the derivative of the arithmetic by
/// O(|s|), needs no second derivative, and makes unrolling over Newton's method the exact
/// adjoint; the initial state gets no gradient.
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

  /// The line search.
  public struct History: PerSample, Sendable {
    fileprivate var search = LineSearch()

    /// Everything.
    public mutating func visit(_ visitor: inout some SampleVisitor) { visitor.visit(&search) }
  }

  /// Before the first step.
  public func makeHistory() -> History { History() }

  /// A shorter step where the last was too long, a new one elsewhere.
  public func next(after point: Iterate, _ history: inout History) throws -> Tensor {
    let found = try withoutRecording { try step(after: point.detached(), &history) }
    return isRecording ? try implicitlyDifferentiated(found, in: point.map) : found
  }

  private func step(after point: Iterate, _ history: inout History) throws -> Tensor {
    let before = history.search.norms(like: point)
    let verdicts = history.search.judge(point)
    let forcing = verdicts.indices.map { row -> Double in
      guard before[row].isFinite else { return 0.1 }
      let ratio = point.norms[row] / before[row]
      return verdicts[row] == .descended ? min(max(0.9 * ratio * ratio, 1e-4), 0.1) : 1e-4
    }
    let waiting = verdicts.indices.filter { ![.rejected, .settled].contains(verdicts[$0]) }
    let rows = waiting.filter { point.map.mayLinearize(row: $0) }
    let directions = rows.isEmpty ? nil : try newtonStep(from: history.search, rows, forcing, point)
    return history.search.step(along: directions, inRows: rows, else: waiting)
  }

  /// (I - J)^-1 g in the given rows, to the forcing terms.
  ///
  /// Where I - J is singular and g partly outside of its range, that leads far away along a null
  /// vector: then what is easily explained of g has to do, and no step is longer than ten thousand
  /// sizes of the state.
  private func newtonStep(
    from search: LineSearch, _ rows: [Int], _ forcing: [Double], _ point: Iterate
  ) throws -> Tensor {
    let points = search.points?.samples(rows) ?? SearchPoints(point).samples(rows)
    let near = try point.map.ofRows(rows, around: point.z).linearization(at: points.base)
    func solve(_ tolerances: [Double]) throws -> Tensor {
      try GMRES(dimension: dimension, limit: limit).solve(
        points.residual, tolerances: tolerances, isVerified: false
      ) { s in try s - near.pushforward(s) }.value
    }
    let tolerances = rows.map { forcing[$0] }
    let step = try solve(tolerances)
    let bounds = zip(points.base.normsOfSamples, points.residual.normsOfSamples).map {
      1e4 * max($0 + $1, 1)
    }
    let isHuge = zip(step.normsOfSamples, bounds).map { !($0 <= $1) }
    guard isHuge.contains(true) else { return step }
    let loose = try solve(zip(isHuge, tolerances).map { $0 ? 0.9 : $1 })
    let factors = zip(loose.normsOfSamples, bounds).map { min(1, $1 / $0) }
    return step.replacingSamples(isHuge, with: loose.scalingSamples(by: factors))
  }

  /// The same point with the derivative of the fixed point there: v -> (I - J^T)^-1 v -> df/dtheta.
  private func implicitlyDifferentiated(_ z: Tensor, in map: CountedMap) throws -> Tensor {
    let (image, pullback) = try valueWithPullback(at: z) { try map.uncountedImage(of: $0) }
    let adjoint = KrylovAdjoint(
      solver: GMRES(
        dimension: dimension, tolerance: 16 * z.dtype.machineEpsilon, limit: 10 * limit),
      onFailure: .keeping)
    return image.withElements(of: z).transformingCotangent(name: "unrolled Newton step") { v in
      try adjoint.unrolled(v, through: pullback)
    }
  }

  /// As many step lengths as the line search tries, and a fixed-point step.
  public var toleratedFailures: Int { LineSearch.toleratedFailures }
}

extension ForwardSolver where Self == NewtonKrylov {
  /// Newton's method with GMRES inside.
  public static func newtonKrylov(dimension: Int = 50, limit: Int = 200) -> NewtonKrylov {
    NewtonKrylov(dimension: dimension, limit: limit)
  }
}
