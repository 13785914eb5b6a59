/// The Krylov space of every sample in one cycle, with the least-squares problem in it.
///
/// A Z = V H with H upper Hessenberg. Rotations keep H triangular, so that the least residual over
/// the space can be read off as |s_last| at every step.
struct KrylovSpace {
  /// The orthonormal basis, the directions (the basis after the preconditioner), and their images
  /// under A.
  private var basis: [Tensor] = []
  private var directions: [Tensor] = []
  private var images: [Tensor] = []
  /// For each sample: the columns of the triangle, the rotations, and the rotated right-hand side.
  private var triangles: [[[Double]]]
  private var rotations: [[(cosine: Double, sine: Double)]]
  private var rotated: [[Double]]
  /// The samples whose space is still growing.
  private(set) var open: [Bool]
  /// The samples for which the operator returned a number that is not finite.
  private(set) var failed: [Bool]
  /// The largest |A z| so far, as a measure of |A|: a number smaller than this by the unit roundoff
  /// is noise.
  private(set) var scales: [Double]

  var dimension: Int { images.count }
  var isOpen: Bool { open.contains(true) }
  /// |b - A x| at the best x of the space.
  var leastResiduals: [Double] { rotated.map { abs($0.last ?? 0) } }
  var newest: Tensor { basis[basis.count - 1] }

  init(residual: Tensor, norms: [Double], open: [Bool], scales: [Double]) {
    let batch = norms.count
    self.open = open
    failed = Array(repeating: false, count: batch)
    self.scales = scales
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
      if let sharding = StateSharding.current {
        w = w.withoutProjections(onto: basis, by: sharding, &columns)
        continue
      }
      for (row, vector) in basis.enumerated() {
        let products = w.innerProductsOfSamples(with: vector)
        w = w.adding(vector, times: products.map { -$0 })
        for sample in open.indices { columns[sample][row] += products[sample] }
      }
    }
    let norms = w.normsOfSamples
    let roundoff = image.dtype.machineEpsilon
    for sample in open.indices where open[sample] {
      // If the rest of A z after the projection is noise, the space holds the solution.
      scales[sample] = max(scales[sample], sizes[sample])
      let noise = 4 * roundoff * scales[sample]
      let isInvariant = norms[sample] <= noise
      let next = isInvariant ? 0 : norms[sample]
      let isSingular = !rotate(sample, columns[sample], next, noise: noise)
      let least = abs(rotated[sample].last ?? 0)
      if isInvariant || isSingular || least <= thresholds[sample] { open[sample] = false }
    }
    basis.append(
      w.keepingSamples(open).scalingSamples(by: zip(norms, open).map { $1 ? 1 / $0 : 0 }))
  }

  /// Applies the earlier rotations to a new column, and finds the rotation that removes `next`
  /// below it.
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

extension Tensor {
  /// What is left of the samples without their projections onto the vectors, all taken at once so that
  /// the processes sum once: done twice, it is as good as one after the other.
  ///
  /// - Parameters:
  ///   - basis: the vectors, orthonormal in each sample.
  ///   - sharding: by what parts of products add up.
  ///   - columns: per sample, the sums of its projections.
  /// - Returns: the rest.
  fileprivate func withoutProjections(
    onto basis: [Tensor], by sharding: StateSharding, _ columns: inout [[Double]]
  ) -> Tensor {
    let parts = StateSharding.with(nil) { basis.map { innerProductsOfSamples(with: $0) } }
    let (sums, batch) = (sharding.sums(Array(parts.joined())), shape[0])
    var rest = self
    for (row, vector) in basis.enumerated() {
      let products = Array(sums[row * batch..<(row + 1) * batch])
      rest = rest.adding(vector, times: products.map(-))
      for sample in 0..<batch { columns[sample][row] += products[sample] }
    }
    return rest
  }
}
