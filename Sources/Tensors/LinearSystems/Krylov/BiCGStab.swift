/// The stabilised bi-conjugate gradient method (van der Vorst 1992), one recurrence per sample.
///
/// It takes two applications a step and keeps a fixed number of vectors, however many steps there
/// are; GMRES needs fewer applications but keeps its whole space. A breakdown is an inner product
/// that vanishes: it is recognised by its magnitude relative to the norms of its factors, so that
/// neither signs nor scales matter, and the method then restarts from the current residual. The
/// best iterate of each sample is returned, after its residual has been computed from it once more.
public struct BiCGStab: LinearSolver {
  /// The value of |b - A x| / |b| at which a sample counts as converged.
  public let tolerance: Double
  /// The largest number of applications of A.
  public let limit: Int

  /// A solver.
  ///
  /// Stops when a number is out of range.
  ///
  /// - Parameters:
  ///   - tolerance: |b - A x| / |b| of each sample; default 1e-5, two digits above the rounding of
  ///     single precision.
  ///   - limit: the largest number of applications of A; default 200.
  public init(tolerance: Double = 1e-5, limit: Int = 200) {
    LinearProgress.expectBounds(tolerance: tolerance, limit: limit)
    self.tolerance = tolerance
    self.limit = limit
  }

  /// "BiCGStab to 1e-05".
  public var name: String { "BiCGStab to \(tolerance)" }

  /// Solves A x = b; see `LinearSolver.solve`.
  public func solve(
    _ right: Tensor, from initial: Tensor?, floors: [Double]?, preconditioner: LinearOperator?,
    applying operator: LinearOperator
  ) throws -> LinearSolution {
    func apply(_ x: Tensor) throws -> Tensor {
      try Task.checkCancellation()
      return try StateSharding.outside { try `operator`(x) }
    }
    let tolerances = LinearProgress.tolerances(tolerance, floors: floors, for: right)
    var progress = LinearProgress(right: right, tolerances: tolerances)
    var x = initial?.keepingSamples(progress.open) ?? right.zerosLike()
    var residual = right
    var isExact = initial == nil
    var best = progress.residualNorms
    // A pass runs the recurrence until it claims success or breaks down. Then the residual is
    // computed from x, and the samples that are not settled start again from it.
    while progress.isOpen {
      if !isExact {
        guard progress.applications < limit else { break }
        let image = try apply(x).keepingSamples(progress.open)
        let taking = progress.open
        progress.count(for: taking)
        if progress.applications == 1 {
          (x, residual) = progress.admit(x, residual: right - image, right: right)
        } else {
          residual = right - image
        }
        progress.record(residual)
        let norms = progress.residualNorms
        progress.trace(norms, of: taking)
        if progress.applications > 1 {
          progress.stall { progress, sample in norms[sample] > 0.9 * best[sample] }
        }
        best = norms
      }
      isExact = false
      guard progress.isOpen else { break }
      var pass = Pass(x: x, residual: residual, norms: progress.residualNorms, open: progress.open)
      // One application is kept in reserve for the residual.
      while pass.isOpen, progress.applications + 3 <= limit {
        try pass.step(&progress, preconditioner: preconditioner, applying: apply)
      }
      if pass.stepCount == 0 { break }
      x = pass.best
    }
    return LinearSolution(value: x, report: progress.report)
  }
}

/// The recurrence between two restarts.
private struct Pass {
  private(set) var best: Tensor
  private(set) var stepCount = 0
  private var x: Tensor
  private var residual: Tensor
  private let shadow: Tensor
  private var direction: Tensor
  private var product: Tensor
  private var rho: [Double]
  private var alpha: [Double]
  private var omega: [Double]
  private let shadowNorms: [Double]
  private var bestNorms: [Double]
  private var open: [Bool]

  var isOpen: Bool { open.contains(true) }

  init(x: Tensor, residual: Tensor, norms: [Double], open: [Bool]) {
    let residual = residual.keepingSamples(open)
    let ones = [Double](repeating: 1, count: open.count)
    (best, self.x, self.residual, shadow) = (x, x, residual, residual)
    direction = residual.zerosLike()
    product = direction
    (rho, alpha, omega) = (ones, ones, ones)
    (shadowNorms, bestNorms) = (norms, norms)
    self.open = open
  }

  /// One step: x + alpha p + omega s.
  mutating func step(
    _ progress: inout LinearProgress, preconditioner: LinearOperator?,
    applying apply: LinearOperator
  ) throws {
    let thresholds = progress.thresholds
    let roundoff = residual.dtype.machineEpsilon
    stepCount += 1

    // p <- r + beta (p - omega v), beta = (rho' / rho) (alpha / omega); v = A p.
    let products = residual.innerProductsOfSamples(with: shadow)
    var beta = [Double](repeating: 0, count: open.count)
    for sample in open.indices where open[sample] {
      if stepCount > 1 {
        beta[sample] = products[sample] / rho[sample] * alpha[sample] / omega[sample]
      }
      rho[sample] = products[sample]
    }
    let former = direction.adding(product, times: omega.map { -$0 })
    direction = residual.adding(former, times: beta).keepingSamples(open)
    let corrected = try StateSharding.outside { try preconditioner?(direction) ?? direction }
      .keepingSamples(open)
    product = try apply(corrected).keepingSamples(open)
    let taking = open
    progress.count(for: taking)
    let productNorms = product.normsOfSamples
    let slopes = product.innerProductsOfSamples(with: shadow)
    for sample in open.indices where open[sample] {
      alpha[sample] = rho[sample] / slopes[sample]
      let isLost = abs(slopes[sample]) <= roundoff * productNorms[sample] * shadowNorms[sample]
      if isLost || !alpha[sample].isFinite { open[sample] = false }
    }
    let steps = zip(alpha, open).map { $1 ? $0 : 0 }
    product = product.keepingSamples(open)
    residual = residual.adding(product, times: steps.map { -$0 }).keepingSamples(open)
    x = x.adding(corrected.keepingSamples(open), times: steps)
    let halfway = keepBest()
    progress.trace(halfway, of: taking)

    // omega minimises |s - omega t| with t = A s. Where s is small enough already, it is left as it
    // is.
    let pending = zip(open, zip(halfway, thresholds)).map { $0 && $1.0 > $1.1 }
    for sample in open.indices where open[sample] && !pending[sample] { open[sample] = false }
    guard isOpen else { return }
    let half = residual.keepingSamples(open)
    let smoothing = try StateSharding.outside { try preconditioner?(half) ?? half }
      .keepingSamples(open)
    let image = try apply(smoothing).keepingSamples(open)
    let smoothed = open
    progress.count(for: smoothed)
    let imageNorms = image.normsOfSamples
    let overlaps = image.innerProductsOfSamples(with: half)
    for sample in open.indices where open[sample] {
      let size = imageNorms[sample]
      omega[sample] = overlaps[sample] / (size * size)
      let isLost = abs(overlaps[sample]) <= roundoff * size * halfway[sample]
      if isLost || !omega[sample].isFinite { open[sample] = false }
    }
    let factors = zip(omega, open).map { $1 ? $0 : 0 }
    residual = half.keepingSamples(open)
      .adding(image.keepingSamples(open), times: factors.map { -$0 })
    x = x.adding(smoothing.keepingSamples(open), times: factors)
    let norms = keepBest()
    progress.trace(norms, of: smoothed)
    let correlations = residual.innerProductsOfSamples(with: shadow)
    for sample in open.indices where open[sample] {
      let isLost = abs(correlations[sample]) <= roundoff * norms[sample] * shadowNorms[sample]
      if norms[sample] <= thresholds[sample] || isLost { open[sample] = false }
    }
  }

  /// Stores the iterates that are better than all earlier ones.
  ///
  /// - Returns: the norms of the residual that the recurrence computes; infinite where one is not
  ///   finite.
  private mutating func keepBest() -> [Double] {
    let norms = residual.normsOfSamples.map { $0.isFinite ? $0 : .infinity }
    let improved = open.indices.map { open[$0] && norms[$0] < bestNorms[$0] }
    best = best.replacingSamples(improved, with: x)
    for sample in open.indices where improved[sample] { bestNorms[sample] = norms[sample] }
    return norms
  }
}
