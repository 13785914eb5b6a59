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
/// Each sample has its own differences, coefficients and restarts; a difference of residuals that are
/// no more than rounding is left out. On a linear map with as many differences as unknowns, z+ is f
/// of the GMRES iterate. One evaluation a step; 2 depth + 4 vectors of the state's size are kept.
public struct Anderson: ForwardSolver {
  /// The number of differences, at least 1; one less than the number of iterates that take part.
  public let depth: Int
  /// The fraction of the combined residual that is added; 1 is the map's own step.
  public let mixing: Double
  /// The regularisation, relative to the square of each difference.
  public let ridge: Double
  /// The growth of the residual over its best that makes a sample start anew from its best point.
  public let growth: Double

  /// An accelerated iteration.
  ///
  /// Stops when a number is out of range.
  ///
  /// - Parameters:
  ///   - depth: 1...64; default 5. At least the number of modes that do not contract.
  ///   - mixing: in (0, 1]; default 1.
  ///   - ridge: default 1e-8. Because it is relative, any value from 1e-4 to 1e-10 does as well,
  ///     down to the last digit; an absolute ridge stops the acceleration once |g|^2 falls below.
  ///   - growth: default 100: acceleration may pass through larger residuals, but not far.
  public init(depth: Int = 5, mixing: Double = 1, ridge: Double = 1e-8, growth: Double = 100) {
    expect(depth >= 1, "Anderson acceleration needs at least one difference, not \(depth)")
    expect(mixing > 0 && mixing <= 1, "the mixing must lie in (0, 1], not \(mixing)")
    expect(ridge >= 0, "the ridge cannot be negative: \(ridge)")
    expect(growth > 1, "the growth that is tolerated must exceed 1, not \(growth)")
    self.depth = depth
    self.mixing = mixing
    self.ridge = ridge
    self.growth = growth
  }

  /// Recent differences and the best point.
  public struct History: Sendable {
    /// The last point with its residual, and |residual| before anything was taken back.
    fileprivate var last: (mixed: Tensor, residual: Tensor, norms: [Double])?
    /// dG.
    fileprivate var residuals: LeastSquaresWindow
    /// dF.
    fileprivate var images: VectorWindow
    fileprivate var safeguard: Safeguard
    fileprivate var step = 0
  }

  /// No differences.
  public func makeHistory() -> History {
    History(
      residuals: LeastSquaresWindow(capacity: depth), images: VectorWindow(capacity: depth),
      safeguard: Safeguard(growth: growth))
  }

  /// z + mixing g - dF gamma.
  public func next(after z: Tensor, image fz: Tensor, _ history: inout History) throws -> Tensor {
    let residual = fz - z
    return try next(after: z, image: fz, residual, residual.normsOfSamples, &history)
  }

  /// The same, with the residual that the solve has computed already.
  public func next(
    after z: Tensor, image fz: Tensor, in context: SolveContext, _ history: inout History
  ) throws -> Tensor {
    let residual = context.residual(at: z, image: fz)
    return try next(after: z, image: fz, residual.value, residual.norms, &history)
  }

  private func next(
    after z: Tensor, image fz: Tensor, _ residual: Tensor, _ norms: [Double],
    _ history: inout History
  ) throws -> Tensor {
    let shape = z.shape
    let image = fz.flatSamples
    let start = history.safeguard.start(
      z.flatSamples, residual: residual.flatSamples, norms: norms)
    let g = start.residual
    let plain = mixing == 1 ? image : start.z + g * mixing
    // z + g is not f(z) to the last digit; the other samples keep theirs.
    let mixed =
      start.returned.map { plain.replacingSamples($0, with: start.z + g * mixing) } ?? plain
    defer { history.last = (mixed, g, norms) }
    guard let last = history.last else { return mixed.reshaped(shape) }

    let row = history.step % depth
    history.step += 1
    // Where both residuals are rounding, their difference says nothing of the map: it is left out.
    let isNoise = zip(z.residualNoise, zip(norms, last.norms)).map { $1.0 + $1.1 <= $0 }
    let isInformed = !isNoise.contains(true)
    history.residuals.set(
      row, to: isInformed ? g : g.replacingSamples(isNoise, with: last.residual),
      minus: last.residual)
    history.images.set(
      row, to: isInformed ? mixed : mixed.replacingSamples(isNoise, with: last.mixed),
      minus: last.mixed)
    if let returned = start.returned {
      history.residuals.clear(returned)
      history.images.clear(returned)
    }
    let gamma = try history.residuals.coefficients(of: g, ridge: ridge)
    return start.select(history.images.combined(gamma, onto: mixed, scale: -1)).reshaped(shape)
  }

  /// The differences of some samples.
  public func history(_ history: History, ofSamples positions: [Int]) -> History? {
    var result = history
    result.last = history.last.map { last in
      (
        last.mixed.samples(positions), last.residual.samples(positions),
        positions.map { last.norms[$0] }
      )
    }
    result.residuals = history.residuals.samples(positions)
    result.images = history.images.samples(positions)
    result.safeguard = history.safeguard.samples(positions)
    return result
  }

  /// Six: each is answered by a shorter step.
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

extension Anderson.History: TensorHistory {
  /// The last point, the differences and the best point.
  public var tensors: [Tensor] {
    get {
      (last.map { [$0.mixed, $0.residual] } ?? []) + residuals.tensors + images.tensors
        + safeguard.tensors
    }
    set {
      var rest = newValue[...]
      last = last.map { (rest.removeFirst(), rest.removeFirst(), $0.norms) }
      residuals.tensors = Array(rest.prefix(residuals.count))
      images.tensors = Array(rest.dropFirst(residuals.count).prefix(images.count))
      safeguard.tensors = Array(rest.dropFirst(residuals.count + images.count))
    }
  }
}
