import Tensors

/// Newton's method on g(z) = f(z) - z, each linear system solved by GMRES only as far as it pays.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .newtonKrylov()) { z in (z.matmul(w) + x).tanh() }
/// ```
/// A step s solves (I - J) s = g to |g - (I - J) s| <= eta |g| with the forcing term of Eisenstat
/// and Walker (1996, choice 2), eta = .9 (|g| / |g before|)^2 within [1e-4, .1]; it is 1e-4 if the
/// last step failed or led uphill. `TrustRegion` decides how far the step is followed. Each sample
/// has its own Krylov space, forcing term and step length: while one tries a shorter step, another
/// takes its next. The linearisation costs one evaluation in each Newton step; if the stopping rule
/// leaves a sample only one evaluation, the sample takes a fixed-point step.
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
  ///   - dimension: the dimension of the Krylov space at which GMRES restarts; default 50. A step
  ///     keeps twice as many vectors of the state's size.
  ///   - limit: the largest number of Jacobian products for one step; default 200. A step that is
  ///     not solved by then is tried as it is.
  public init(dimension: Int = 50, limit: Int = 200) {
    expect(
      dimension >= 1 && limit >= 1,
      "Newton-Krylov needs a positive dimension and products, not \(dimension) and \(limit)")
    (self.dimension, self.limit) = (dimension, limit)
  }

  /// The history before the first step, in which nothing has been learned yet.
  public func makeHistory() -> NewtonHistory { NewtonHistory() }

  /// A shorter step in the samples whose last step was too long, and a new step in the others.
  public func next(after point: Iterate, _ history: inout NewtonHistory) throws -> Tensor {
    try implicitlyDifferentiated(
      after: point, dimension: dimension, limit: 10 * limit,
      advice: "raise the solver's Krylov dimension, which is \(dimension), or its limit of products"
    ) { point in
      try history.next(after: point) { try newtonStep(from: $0, $1, $2, point) }
    }
  }

  /// (I - J)^-1 g in the given rows, to the forcing terms.
  ///
  /// If I - J is singular and g lies partly outside of its range, this solution leads far away
  /// along a null vector. Then a solution to a looser forcing term has to do, and no step is longer
  /// than ten thousand sizes of the state.
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
    let bounds = base.longestSteps
    let isHuge = zip(step.normsOfSamples, bounds).map { !($0 <= $1) }
    guard isHuge.contains(true) else { return step }
    let loose = try solve(zip(isHuge, tolerances).map { $0 ? 0.9 : $1 })
    let factors = zip(loose.normsOfSamples, bounds).map { min(1, $1 / $0) }
    return step.replacingSamples(isHuge, with: loose.scalingSamples(by: factors))
  }

  /// True: every step takes products with the Jacobian.
  public var differentiatesMap: Bool { true }
  /// How many failures in succession a sample is allowed, since each is answered by a shorter step.
  public var toleratedFailures: Int { TrustRegion.toleratedFailures }
}

extension ForwardSolver where Self == NewtonKrylov {
  /// Newton's method with GMRES inside.
  public static func newtonKrylov(dimension: Int = 50, limit: Int = 200) -> NewtonKrylov {
    NewtonKrylov(dimension: dimension, limit: limit)
  }
}
