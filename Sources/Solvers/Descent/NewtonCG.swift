import Tensors

/// Newton's method for minima, each system solved by conjugate gradients only as far as it pays.
///
/// ```swift
/// let x = try minimum(of: loss, from: start, using: .newtonCG())
/// ```
/// H p = -dL/dx to a residual of min(.5, |dL/dx|^(1/2)) |dL/dx|, by products H s with the exact Hessian;
/// where a direction of negative curvature appears, what has been found by then is the step, so that
/// it descends (Nocedal and Wright 2006, algorithm 7.1). How far it is followed: `Descent`.
///
/// For each trial point an evaluation of L and one of its gradient, for each direction a linearisation and
/// products H s; the loss does not count in the report. Unrolled, an iterate is differentiated as what it
/// converges to, the minimum, with the Hessian at its own place.
public struct NewtonCG: ForwardSolver {
  /// The largest number of products for one direction.
  public let limit: Int

  /// The method.
  ///
  /// Stops when `limit` is not positive.
  ///
  /// - Parameter limit: default 200.
  public init(limit: Int = 200) {
    expect(limit >= 1, "Newton-CG needs at least one product for a direction, not \(limit)")
    self.limit = limit
  }

  /// The descent.
  public struct History: PerSample, Sendable {
    fileprivate var descent = Descent()
    /// Everything.
    public mutating func visit(_ visitor: inout some SampleVisitor) { visitor.visit(&descent) }
  }

  /// Before the first step.
  public func makeHistory() -> History { History() }

  /// A shorter step where the loss did not fall, a new direction elsewhere.
  public func next(after point: Iterate, _ history: inout History) throws -> Tensor {
    try implicitlyDifferentiated(after: point) { try step(after: $0, &history) }
  }

  private func step(after point: Iterate, _ history: inout History) throws -> Tensor {
    let isNew = try history.descent.judge(point)
    guard let base = history.descent.base else { return point.image }
    let rows = isNew.indices.filter { isNew[$0] && point.map.mayLinearize(row: $0) }
    var p = base.residual
    if !rows.isEmpty {
      let found = try direction(
        in: point.map.ofRows(rows, around: point.z), from: base.samples(rows))
      p = rows.count == isNew.count ? found : p.replacing(rows, found)
    }
    return history.descent.next(along: p, isNew: isNew, lengths: isNew.map { _ in 1 })
  }

  /// Conjugate gradients for H p = r, r = -dL/dx, in every row until its own residual is met.
  private func direction(in map: CountedMap, from base: KnownPoint) throws -> Tensor {
    let near = try map.linearization(at: base.z)
    let norms = base.residual.normsOfSamples
    let goals = norms.map { $0 * min(0.5, $0.squareRoot()) }
    var p = base.residual.zerosLike()
    var (residual, search) = (base.residual, base.residual)
    var squares = norms.map { $0 * $0 }
    var isOpen = zip(norms, goals).map { $0 > $1 && $0.isFinite }
    for step in 0..<limit where isOpen.contains(true) {
      try Task.checkCancellation()
      // f(x) = x - dL/dx, so that H = I - J.
      let product = try search - near.pushforward(search)
      let curvatures = search.innerProductsOfSamples(with: product)
      let lengths = search.normsOfSamples
      var factors = norms.map { _ in 0.0 }
      for row in factors.indices where isOpen[row] {
        if curvatures[row] > 1e-12 * lengths[row] * lengths[row] {
          factors[row] = squares[row] / curvatures[row]
        } else {
          if step == 0 { factors[row] = 1 }
          isOpen[row] = false
        }
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

  /// Each is answered by a shorter step.
  public var toleratedFailures: Int { Descent.toleratedFailures }
  /// "Newton-CG".
  public var name: String { "Newton-CG" }
}

extension ForwardSolver where Self == NewtonCG {
  /// Newton's method with conjugate gradients inside; for `minimum`.
  public static func newtonCG(limit: Int = 200) -> NewtonCG { NewtonCG(limit: limit) }
}
