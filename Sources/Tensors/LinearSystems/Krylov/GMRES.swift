/// The generalised minimal residual method (Saad and Schultz 1986), one Krylov space per sample.
///
/// ```swift
/// let found = try GMRES(tolerance: 1e-10).solve(v) { w in try w - pullback(w) }
/// ```
/// After j applications x minimises |b - A x| over x0 + span(r, A r, ..., A^(j-1) r), so n unknowns
/// take at most n applications. The basis V is made orthogonal twice at every step, because in
/// single precision one pass does not suffice. At the end of each cycle b - A x is computed from
/// the returned x, with one more application. This is necessary because the recurrence knows only
/// the residual of the exact combination of basis vectors; where the terms of the combination
/// cancel, as they do with a bad preconditioner, the computed x differs from it. If the computed
/// residual is above the tolerance, the next cycle starts from it.
public struct GMRES: LinearSolver {
  /// The dimension of the Krylov space at which the method restarts.
  public let dimension: Int
  /// The value of |b - A x| / |b| at which a sample counts as converged.
  public let tolerance: Double
  /// The largest number of applications of A.
  public let limit: Int

  /// A solver.
  ///
  /// Stops when a number is out of range.
  ///
  /// - Parameters:
  ///   - dimension: the dimension of the Krylov space at which the method restarts; default 20. The
  ///     method keeps 2 x dimension vectors of the state's size (3 x dimension with a
  ///     preconditioner).
  ///   - tolerance: |b - A x| / |b| of each sample; default 1e-5, two digits above the rounding of
  ///     single precision.
  ///   - limit: the largest number of applications of A; default 100. With a limit of 1, and no start,
  ///     x is the best multiple of b and its residual that of the recurrence; a limit of 1 leaves a
  ///     start as it is.
  public init(dimension: Int = 20, tolerance: Double = 1e-5, limit: Int = 100) {
    expect(dimension >= 1, "a Krylov space has at least one dimension, not \(dimension)")
    LinearProgress.expectBounds(tolerance: tolerance, limit: limit)
    self.dimension = dimension
    self.tolerance = tolerance
    self.limit = limit
  }

  /// "GMRES to 1e-05".
  public var name: String { "GMRES to \(tolerance)" }

  /// Solves A x = b; see `LinearSolver.solve`.
  public func solve(
    _ right: Tensor, from initial: Tensor?, floors: [Double]?, preconditioner: LinearOperator?,
    applying operator: LinearOperator
  ) throws -> LinearSolution {
    let tolerances = LinearProgress.tolerances(tolerance, floors: floors, for: right)
    return try solve(
      right, tolerances: tolerances, from: initial, preconditioner: preconditioner,
      applying: `operator`)
  }

  /// Solves A x = b to a tolerance of its own in each sample.
  ///
  /// - Parameters:
  ///   - right: b, [batch, ...].
  ///   - tolerances: one per sample, relative to |b|.
  ///   - initial: where to start; nil starts from 0 and saves one application.
  ///   - preconditioner: an approximation of A^-1, applied on the right; nil for none.
  ///   - isVerified: whether residuals are computed from x; default true. If false, they are those
  ///     of the recurrence, which is enough for a step of an inexact Newton method.
  ///   - operator: x -> A x.
  /// - Returns: the solution and a report. A sample is `stalled` if a whole cycle brought no
  ///   progress, which happens when A is singular or the dimension is too small.
  /// - Throws: what the operators throw; `CancellationError`.
  /// - Complexity: at most `limit` applications, one of which in each cycle computes the residual
  ///   unless `limit` is 1;
  ///   the step at dimension j takes 4 j inner products.
  public func solve(
    _ right: Tensor, tolerances: [Double], from initial: Tensor? = nil,
    preconditioner: LinearOperator? = nil, isVerified: Bool = true,
    applying operator: LinearOperator
  ) throws -> LinearSolution {
    func apply(_ x: Tensor) throws -> Tensor {
      try Task.checkCancellation()
      return try StateSharding.outside { try `operator`(x) }
    }
    var progress = LinearProgress(right: right, tolerances: tolerances)
    var x = right.zerosLike()
    var residual = right
    if let initial, progress.isOpen {
      let start = initial.keepingSamples(progress.open)
      let taking = progress.open
      let image = try apply(start).keepingSamples(taking)
      progress.count(for: taking)
      (x, residual) = progress.admit(start, residual: right - image, right: right)
      progress.record(residual)
      progress.trace(progress.residualNorms, of: taking)
    }
    var scales = [Double](repeating: 0, count: tolerances.count)
    // A single product has no other terms with which it could cancel.
    let isVerified = isVerified && limit > 1
    let last = isVerified ? limit - 1 : limit
    while progress.isOpen, progress.applications < last {
      let before = progress.residualNorms
      var space = KrylovSpace(
        residual: residual, norms: before, open: progress.open, scales: scales)
      while space.isOpen, space.dimension < dimension, progress.applications < last {
        let direction = space.newest
        let corrected = try StateSharding.outside { try preconditioner?(direction) ?? direction }
        let image = try apply(corrected)
        let growing = space.open
        progress.count(for: growing)
        space.extend(by: corrected, image: image, until: progress.thresholds)
        progress.trace(space.leastResiduals, of: growing)
      }
      scales = space.scales
      let (step, change) = space.minimiser()
      var (next, nextResidual) = (x + step, residual - change)
      if isVerified {
        let taking = progress.open
        nextResidual = right - (try apply(next.keepingSamples(taking)))
        progress.count(for: taking)
        // A step whose terms cancel may lead away from the solution, so the better of both points
        // is kept.
        let isWorse = zip(nextResidual.normsOfSamples, before).map { !($0 <= $1) }
        next = next.replacingSamples(isWorse, with: x)
        nextResidual = nextResidual.replacingSamples(isWorse, with: residual)
      }
      (x, residual) = (next, nextResidual)
      progress.record(residual, ifOpen: space.failed.map { $0 ? .nonFinite : nil })
      progress.stall { progress, sample in
        progress.residualNorms[sample] > 0.999 * before[sample]
      }
    }
    return LinearSolution(value: x, report: progress.report)
  }
}
