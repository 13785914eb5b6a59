import Tensors

/// Newton's method for minima, each system solved by conjugate gradients only as far as it pays.
///
/// ```swift
/// let x = try minimum(of: loss, from: start, using: .newtonCG())
/// ```
/// H p = -dL/dx is solved to a residual of min(.5, (|dL/dx| / the largest so far)^(1/2)) |dL/dx|,
/// by at most two products H s with the exact Hessian for each unknown (Nocedal and Wright 2006,
/// algorithm 7.1). A direction of negative curvature ends the solve, and is followed as far as if
/// its curvature were positive: it descends, and leads away from saddles and ridges. A direction
/// whose curvature is only rounding ends the solve too. `Descent` decides how far p is followed.
///
/// Each trial point costs an evaluation of L and one of its gradient, and each direction a
/// linearisation and the products H s; evaluations of L do not count in the report. If the method
/// is unrolled, an iterate is differentiated as the minimum to which it converges, with the Hessian
/// at its own place.
public struct NewtonCG: ForwardSolver {
  /// The largest number of products for one direction.
  public let limit: Int

  /// The method.
  ///
  /// Stops when `limit` is not positive.
  ///
  /// - Parameter limit: the largest number of products for one direction; default 200.
  public init(limit: Int = 200) {
    expect(limit >= 1, "Newton-CG needs at least one product for a direction, not \(limit)")
    self.limit = limit
  }

  /// The descent, and the largest |dL/dx| so far, which makes the forcing terms independent of
  /// units.
  public struct History: PerSample, Sendable {
    fileprivate var descent = Descent()
    fileprivate var largest: [Double] = []
    /// Shows all of the history to the visitor, since every part of it belongs to samples.
    public mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&descent)
      visitor.visit(&largest)
    }
  }

  /// The history before the first step, in which nothing has been learned yet.
  public func makeHistory() -> History { History() }

  /// A shorter step in the samples whose loss did not fall, and a new direction in the others.
  public func next(after point: Iterate, _ history: inout History) throws -> Tensor {
    try implicitlyDifferentiated(after: point) { try step(after: $0, &history) }
  }

  private func step(after point: Iterate, _ history: inout History) throws -> Tensor {
    let isNew = try history.descent.judge(point)
    guard let base = history.descent.base else { return point.image }
    let norms = base.residual.normsOfSamples
    let largest = history.largest.isEmpty ? norms : zip(history.largest, norms).map { max($0, $1) }
    history.largest = largest
    let rows = isNew.indices.filter { isNew[$0] && point.map.mayLinearize(row: $0) }
    var p = base.residual
    if !rows.isEmpty {
      let found = try direction(
        in: point.map.ofRows(rows, around: point.z), from: base.samples(rows),
        reductions: rows.map { min(0.5, (norms[$0] / largest[$0]).squareRoot()) })
      p = rows.count == isNew.count ? found : p.replacing(rows, found)
    }
    return history.descent.next(along: p, isNew: isNew, lengths: isNew.map { _ in 1 })
  }

  /// Conjugate gradients for H p = r, r = -dL/dx, until each row's residual is the given part of |r|.
  private func direction(
    in map: CountedMap, from base: KnownPoint, reductions: [Double]
  ) throws -> Tensor {
    let near = try map.linearization(at: base.z)
    let norms = base.residual.normsOfSamples
    let resolution = base.z.dtype.machineEpsilon
    let goals = zip(norms, reductions).map { $0 * max($1, 10 * resolution) }
    var p = base.residual.zerosLike()
    var (residual, search) = (base.residual, base.residual)
    var squares = norms.map { $0 * $0 }
    var isOpen = zip(norms, goals).map { $0 > $1 && $0.isFinite }
    // Rounding may ask for more steps than there are unknowns, but not for more than twice as many.
    let unknowns = base.z.unknownsOfSamples
    let steps = unknowns < limit ? min(limit, 2 * unknowns) : limit
    for step in 0..<steps where isOpen.contains(true) {
      // f(x) = x - dL/dx, so that H = I - J.
      let product = try search - near.pushforward(search)
      let curvatures = search.innerProductsOfSamples(with: product)
      let noise = zip(search.normsOfSamples, product.normsOfSamples)
        .map { 4 * resolution * $0 * $1 }
      var factors = norms.map { _ in 0.0 }
      for row in factors.indices where isOpen[row] {
        let curvature = curvatures[row]
        factors[row] =
          abs(curvature) > noise[row] ? squares[row] / abs(curvature) : step == 0 ? 1 : 0
        if !(curvature > noise[row]) { isOpen[row] = false }
      }
      p = p.adding(search.keepingSamples(factors.map { $0 != 0 }), times: factors)
      residual = residual.adding(product, times: factors.map(-))
      let left = residual.normsOfSamples
      let ratios = squares.indices.map { isOpen[$0] ? left[$0] * left[$0] / squares[$0] : 0 }
      for row in squares.indices where isOpen[row] {
        squares[row] = left[row] * left[row]
        isOpen[row] = left[row] > goals[row] && left[row].isFinite
      }
      search = residual.adding(search, times: ratios)
    }
    return p
  }

  /// True: every step takes products with the Jacobian.
  public var differentiatesMap: Bool { true }
  /// True: a residual may grow on the way to a minimum, so this solver also looks at L before it
  /// gives a sample up.
  public var judgesFailures: Bool { true }
  /// The name in reports, "Newton-CG".
  public var name: String { "Newton-CG" }
}

extension ForwardSolver where Self == NewtonCG {
  /// Newton's method with conjugate gradients inside; for `minimum`.
  public static func newtonCG(limit: Int = 200) -> NewtonCG { NewtonCG(limit: limit) }
}
