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
      (x, residual) = progress.admit(start, residual: right - image, right: right)
      progress.record(residual)
    }
    while progress.isOpen {
      let before = progress.residualNorms
      var space = KrylovSpace(residual: residual, norms: before, open: progress.open)
      while space.isOpen, space.dimension < dimension, progress.applications < limit {
        let direction = space.newest
        let corrected = try preconditioner?(direction) ?? direction
        let image = try `operator`(corrected)
        progress.count(for: space.open)
        space.extend(by: corrected, image: image, until: progress.thresholds)
      }
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

/// The Krylov space of every sample in one cycle, with the least-squares problem in it.
///
/// A Z = V H with H upper Hessenberg; rotations keep H triangular, so that the least residual
/// over the space is |s_last| at every step.
private struct KrylovSpace {
  /// The directions before the preconditioner (orthonormal), after it, and their images under A.
  private var basis: [Tensor] = []
  private var directions: [Tensor] = []
  private var images: [Tensor] = []
  /// Per sample: columns of the triangle, rotations and the rotated right-hand side.
  private var triangles: [[[Double]]]
  private var rotations: [[(cosine: Double, sine: Double)]]
  private var rotated: [[Double]]
  /// The samples whose space still grows.
  private(set) var open: [Bool]
  /// Where the operator returned what is not finite.
  private(set) var failed: [Bool]

  var dimension: Int { images.count }
  var isOpen: Bool { open.contains(true) }
  var newest: Tensor { basis[basis.count - 1] }

  init(residual: Tensor, norms: [Double], open: [Bool]) {
    let batch = norms.count
    self.open = open
    failed = Array(repeating: false, count: batch)
    triangles = Array(repeating: [], count: batch)
    rotations = Array(repeating: [], count: batch)
    rotated = norms.map { [$0] }
    let inverse = zip(norms, open).map { $1 ? 1 / $0 : 0 }
    basis = [residual.keepingSamples(open).scalingSamples(by: inverse)]
  }

  /// Adds A z to the space; samples whose least residual is below `thresholds` leave it.
  mutating func extend(by direction: Tensor, image: Tensor, until thresholds: [Double]) {
    let sizes = image.normsOfSamples
    let directionSizes = direction.normsOfSamples
    for sample in open.indices
    where open[sample] && !(sizes[sample].isFinite && directionSizes[sample].isFinite) {
      failed[sample] = true
      open[sample] = false
    }
    var w = image.keepingSamples(open)
    directions.append(direction.keepingSamples(open))
    images.append(w)
    var columns = Array(repeating: [Double](repeating: 0, count: basis.count), count: open.count)
    for _ in 0..<2 {
      for (row, vector) in basis.enumerated() {
        let products = w.innerProductsOfSamples(with: vector)
        w = w.adding(vector, times: products.map { -$0 })
        for sample in open.indices { columns[sample][row] += products[sample] }
      }
    }
    let norms = w.normsOfSamples
    let roundoff = image.dtype.unitRoundoff
    for sample in open.indices where open[sample] {
      // What is left of A z after the projection is noise: the space holds the solution.
      let isInvariant = norms[sample] <= 4 * roundoff * sizes[sample]
      let next = isInvariant ? 0 : norms[sample]
      let isSingular = !rotate(sample, columns[sample], next, noise: roundoff * sizes[sample])
      let least = abs(rotated[sample].last ?? 0)
      if isInvariant || isSingular || least <= thresholds[sample] { open[sample] = false }
    }
    basis.append(
      w.keepingSamples(open).scalingSamples(by: zip(norms, open).map { $1 ? 1 / $0 : 0 }))
  }

  /// Applies the former rotations to a new column and finds the one that removes `next` below it.
  ///
  /// - Returns: false, with nothing added, where the column is zero up to `noise`: A is singular
  ///   on the space.
  private mutating func rotate(
    _ sample: Int, _ entries: [Double], _ next: Double, noise: Double
  ) -> Bool {
    var column = entries
    for (row, rotation) in rotations[sample].enumerated() {
      let (upper, lower) = (column[row], column[row + 1])
      column[row] = rotation.cosine * upper + rotation.sine * lower
      column[row + 1] = rotation.cosine * lower - rotation.sine * upper
    }
    let last = column.count - 1
    let length = (column[last] * column[last] + next * next).squareRoot()
    guard length > noise else { return false }
    let (cosine, sine) = (column[last] / length, next / length)
    column[last] = length
    let size = rotated[sample][last]
    rotated[sample][last] = cosine * size
    rotated[sample].append(-sine * size)
    rotations[sample].append((cosine, sine))
    triangles[sample].append(column)
    return true
  }

  /// The combination Z y of least residual in each sample, and its image A Z y.
  func minimiser() -> (step: Tensor, change: Tensor) {
    var step = basis[0].zerosLike()
    var change = step
    let solutions = triangles.indices.map { backSubstitution($0) }
    for column in images.indices {
      let factors = solutions.map { column < $0.count ? $0[column] : 0 }
      step = step.adding(directions[column], times: factors)
      change = change.adding(images[column], times: factors)
    }
    return (step, change)
  }

  private func backSubstitution(_ sample: Int) -> [Double] {
    let triangle = triangles[sample]
    var y = [Double](repeating: 0, count: triangle.count)
    for row in y.indices.reversed() {
      var sum = rotated[sample][row]
      for column in row + 1..<y.count { sum -= triangle[column][row] * y[column] }
      y[row] = sum / triangle[row][row]
    }
    return y
  }
}
