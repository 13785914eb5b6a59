import Tensors

/// The generalised minimal residual method (Saad and Schultz 1986), one Krylov space per sample.
///
/// ```swift
/// let found = try GMRES(tolerance: 1e-10).solve(v) { w in try w - pullback(w) }
/// ```
/// After j applications x minimises |b - A x| over x0 + span(r, A r, ..., A^(j-1) r): at most n
/// applications for n unknowns. The basis V is made orthogonal twice at every step, because in
/// single precision one pass loses it. With the columns A V kept beside V, the residual of the
/// combination that is returned is computed from vectors, not from the recursion of rotations,
/// and neither it nor a restart costs another application.
public struct GMRES: LinearSolver {
  /// The dimension of the Krylov space at which the method restarts.
  public let dimension: Int
  /// |b - A x| / |b| that counts as converged.
  public let tolerance: Double
  /// The largest number of applications of A.
  public let limit: Int

  /// A solver.
  ///
  /// Stops when a number is out of range.
  ///
  /// - Parameters:
  ///   - dimension: default 20; 2 x dimension vectors of the state's size are kept (3 x with a
  ///     preconditioner).
  ///   - tolerance: per sample, relative to |b|; default 1e-5, two digits above what single
  ///     precision can represent.
  ///   - limit: default 100.
  public init(dimension: Int = 20, tolerance: Double = 1e-5, limit: Int = 100) {
    expect(dimension >= 1, "a Krylov space has at least one dimension, not \(dimension)")
    expect(tolerance >= 0, "a tolerance cannot be negative: \(tolerance)")
    expect(limit >= 1, "a solve needs at least one application of the operator, not \(limit)")
    self.dimension = dimension
    self.tolerance = tolerance
    self.limit = limit
  }

  /// Solves A x = b; see `LinearSolver.solve`.
  public func solve(
    _ right: Tensor, from initial: Tensor?, preconditioner: LinearOperator?,
    applying operator: LinearOperator
  ) throws -> LinearSolution {
    try solve(
      right, tolerances: [Double](repeating: tolerance, count: right.shape[0]), from: initial,
      preconditioner: preconditioner, applying: `operator`)
  }

  /// Solves A x = b to a tolerance of its own in each sample.
  ///
  /// - Parameters:
  ///   - right: b, [batch, ...].
  ///   - tolerances: one per sample, relative to |b|.
  ///   - initial: where to start; nil starts from 0 and saves one application.
  ///   - preconditioner: an approximation of A^-1, applied on the right; nil for none.
  ///   - operator: x -> A x.
  /// - Returns: the solution and what happened. A sample is `stalled` where a whole cycle brought
  ///   nothing, as happens when A is singular or the dimension is too small.
  /// - Throws: what the operators throw.
  /// - Complexity: at most `limit` applications, 4 j inner products at dimension j.
  public func solve(
    _ right: Tensor, tolerances: [Double], from initial: Tensor? = nil,
    preconditioner: LinearOperator? = nil, applying operator: LinearOperator
  ) throws -> LinearSolution {
    var progress = LinearProgress(right: right, tolerances: tolerances)
    var x = right.zerosLike()
    var residual = right
    if let initial, progress.isOpen {
      let start = initial.keepingSamples(progress.open)
      let image = try `operator`(start).keepingSamples(progress.open)
      progress.count(for: progress.open)
      let initiallyOpen = progress.open
      (x, residual) = progress.admit(start, residual: right - image, right: right)
      progress.record(residual)
      progress.trace(progress.residualNorms, of: initiallyOpen)
    }
    var scales = [Double](repeating: 0, count: tolerances.count)
    while progress.isOpen {
      let before = progress.residualNorms
      var space = KrylovSpace(
        residual: residual, norms: before, open: progress.open, scales: scales)
      while space.isOpen, space.dimension < dimension, progress.applications < limit {
        let direction = space.newest
        let corrected = try preconditioner?(direction) ?? direction
        let image = try `operator`(corrected)
        let growing = space.open
        progress.count(for: growing)
        space.extend(by: corrected, image: image, until: progress.thresholds)
        progress.trace(space.leastResiduals, of: growing)
      }
      scales = space.scales
      let (step, change) = space.minimiser()
      x = x + step
      residual = residual - change
      progress.record(residual, ifOpen: space.failed.map { $0 ? .nonFinite : nil })
      progress.stall { progress, sample in
        progress.residualNorms[sample] > 0.999 * before[sample]
      }
      if progress.applications >= limit { break }
    }
    return LinearSolution(value: x, report: progress.report)
  }
}
