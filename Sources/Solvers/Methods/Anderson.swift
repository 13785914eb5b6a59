import Tensors

/// Anderson acceleration: the fixed-point step from the combination of recent iterates whose
/// residual would be least if the map were linear.
///
/// ```swift
/// let z = try fixedPoint(from: z0, using: .anderson(depth: 5)) { z in (z.matmul(w) + x).tanh() }
/// ```
/// With g = f(z) - z, and dG, dF the last differences of g and of z + mixing g (Anderson 1965, in
/// the form of Walker and Ni 2011, equation 2.6):
///
///     gamma = argmin |g - dG gamma|^2 + ridge sum_i |dG_i|^2 gamma_i^2
///     z+    = z + mixing g - dF gamma
///
/// Each sample has its own differences, coefficients and restarts; a difference of residuals that
/// are no more than rounding is left out. There are never more differences than unknowns: others
/// would depend on them up to rounding. On a linear map with as many differences as unknowns, z+ is
/// f of the GMRES iterate. One evaluation a step; 2 depth + 4 vectors of the state's size are kept.
public struct Anderson: ForwardSolver {
  /// The number of differences, at least 1; one less than the number of iterates that take part.
  public let depth: Int
  /// The fraction of the combined residual that is added; 1 is the map's own step.
  public let mixing: Double
  /// The regularisation, relative to the square of each difference.
  public let ridge: Double
  /// The growth of the residual over its best that makes a sample start anew from its best point.
  public let growth: Double

  /// Makes an accelerated iteration.
  ///
  /// Stops when a number is out of range.
  ///
  /// - Parameters:
  ///   - depth: the number of differences, 1...64; default 5. It should be at least the number of
  ///     modes that do not contract.
  ///   - mixing: the fraction of the combined residual that is added, in (0, 1]; default 1.
  ///   - ridge: the regularisation; default 1e-8. Because it is relative, any value from 1e-4 to
  ///     1e-10 does as well; an absolute ridge would stop the acceleration once |g|^2 falls below
  ///     it.
  ///   - growth: the growth of the residual at which a sample starts anew; default 100, because
  ///     acceleration may pass through larger residuals, but not much larger ones.
  public init(depth: Int = 5, mixing: Double = 1, ridge: Double = 1e-8, growth: Double = 100) {
    let largest = LeastSquaresWindow.maximumCapacity
    expect(depth >= 1 && depth <= largest, "Anderson's depth lies in 1...\(largest), not \(depth)")
    expect(mixing > 0 && mixing <= 1, "the mixing must lie in (0, 1], not \(mixing)")
    expect(ridge >= 0, "the ridge cannot be negative: \(ridge)")
    expect(growth > 1, "the growth that is tolerated must exceed 1, not \(growth)")
    (self.depth, self.mixing, self.ridge, self.growth) = (depth, mixing, ridge, growth)
  }

  /// Recent differences, the last point, and the point to which a sample may return.
  public struct History: PerSample, Sendable {
    fileprivate var mixed: Tensor?
    fileprivate var residual: Tensor?
    /// |residual| before anything was taken back.
    fileprivate var norms: [Double] = []
    /// dG: the differences of successive residuals.
    fileprivate var residuals: LeastSquaresWindow
    /// dF: the differences of successive images.
    fileprivate var images: VectorWindow
    fileprivate var safeguard: Safeguard
    fileprivate var step = 0

    /// Shows the visitor all but the number of steps, which is the same for all samples.
    public mutating func visit(_ visitor: inout some SampleVisitor) {
      visitor.visit(&mixed)
      visitor.visit(&residual)
      visitor.visit(&norms)
      visitor.visit(&residuals)
      visitor.visit(&images)
      visitor.visit(&safeguard)
    }
  }

  /// A history without differences.
  public func makeHistory() -> History {
    History(
      residuals: LeastSquaresWindow(capacity: depth), images: VectorWindow(capacity: depth),
      safeguard: Safeguard(growth: growth))
  }

  /// The next iterate, z + mixing g - dF gamma.
  public func next(after point: Iterate, _ history: inout History) throws -> Tensor {
    let start = history.safeguard.start(point)
    let g = start.point.residual
    let mixed = mixing == 1 ? start.point.image : start.point.z + g * mixing
    defer { (history.mixed, history.residual, history.norms) = (mixed, g, point.norms) }
    guard let lastMixed = history.mixed, let lastResidual = history.residual else { return mixed }

    let row = history.step % min(depth, max(g.unknownsOfSamples, 1))
    history.step += 1
    // If both residuals are only rounding, their difference says nothing about the map, and is left
    // out.
    let (norms, lastNorms, imageNorms) = (point.norms, history.norms, point.imageNorms)
    let rounding = point.rounding
    func isNoise(_ row: Int) -> Bool { norms[row] + lastNorms[row] <= imageNorms[row] * rounding }
    if norms.indices.contains(where: isNoise) {
      let isNoise = norms.indices.map(isNoise)
      history.residuals.set(
        row, to: g.replacingSamples(isNoise, with: lastResidual), minus: lastResidual)
      history.images.set(
        row, to: mixed.replacingSamples(isNoise, with: lastMixed), minus: lastMixed)
    } else {
      history.residuals.set(row, to: g, minus: lastResidual)
      history.images.set(row, to: mixed, minus: lastMixed)
    }
    if let returned = start.returned {
      history.residuals.clear(returned)
      history.images.clear(returned)
    }
    let gamma = try history.residuals.coefficients(of: g, ridge: ridge)
    return start.select(history.images.combined(gamma, onto: mixed, scale: -1))
  }

  /// Six, because each failure is answered by a shorter step.
  public var toleratedFailures: Int { Safeguard.toleratedFailures }
}

extension ForwardSolver where Self == Anderson {
  /// Anderson acceleration with `depth` differences.
  public static func anderson(
    depth: Int = 5, mixing: Double = 1, ridge: Double = 1e-8, growth: Double = 100
  ) -> Anderson {
    Anderson(depth: depth, mixing: mixing, ridge: ridge, growth: growth)
  }
}
