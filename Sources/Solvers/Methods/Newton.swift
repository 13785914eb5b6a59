import Tensors

/// Newton's method on g(z) = f(z) - z with the dense Jacobian of each sample, for few unknowns.
///
/// ```swift
/// let x = try root(of: g, from: start, using: .newton())
/// let y = try root(of: g, from: start, using: .newton(structure: .banded(lower: 1, upper: 1)))
/// ```
/// A step solves (I - J) s = g by LU. This takes n pullbacks for n unknowns, or the number that the
/// structure of J needs, which serve the whole batch, and n^2 numbers for each sample.
/// `TrustRegion` decides how far the step is followed. If I - J is singular, or so nearly singular
/// that the step would be longer than ten thousand sizes of the state, it is solved by least
/// squares without its small singular values. For many unknowns use `NewtonKrylov`. If the method
/// is unrolled, every iterate has the implicit derivative at its own place.
public struct Newton: ForwardSolver {
  /// Which entries of J can differ from zero.
  ///
  /// A missing entry makes steps worse, but the residual still decides what the solution is.
  public let structure: JacobianStructure

  /// The method.
  ///
  /// - Parameter structure: which entries of J can differ from zero; default all.
  public init(structure: JacobianStructure = .dense) { self.structure = structure }

  /// The history before the first step, in which nothing has been learned yet.
  public func makeHistory() -> NewtonHistory { NewtonHistory() }

  /// A shorter step in the samples whose last step was too long, and a new step in the others.
  public func next(after point: Iterate, _ history: inout NewtonHistory) throws -> Tensor {
    try implicitlyDifferentiated(after: point) { point in
      try history.next(after: point) { base, rows, _ in
        let near = try point.map.ofRows(rows, around: point.z).linearization(at: base.z)
        return try step(from: base, near)
      }
    }
  }

  /// (I - J)^-1 g in every row.
  ///
  /// If that is not finite or leads too far away, the solution without the small singular values.
  private func step(from base: KnownPoint, _ near: MapLinearization) throws -> Tensor {
    let g = base.residual
    let matrices = try near.jacobians(like: g, structure: structure)
    let systems = Tensor.identity(g.shape[1], dtype: g.dtype) - matrices
    let factors = LUFactorization(ofPossiblySingular: systems)
    let isSolvable = factors.reciprocalConditions.map { $0 > g.dtype.machineEpsilon }
    let full = g.replacingSamples(isSolvable, with: factors.solve(g))
    let (lengths, bounds) = (full.normsOfSamples, base.longestSteps)
    return lengths.indices.reduce(full) { steps, row in
      guard !isSolvable[row] || !(lengths[row] <= bounds[row]),
        let least = leastStep(systems.samples([row]), g.samples([row]))
      else { return steps }
      let factor = min(1, bounds[row] / least.normsOfSamples[0])
      return steps.replacing([row], least.scalingSamples(by: [factor]))
    }
  }

  /// The shortest of the best solutions that the singular values above the root of what the dtype
  /// resolves have; nil where there is none, as for NaN.
  private func leastStep(_ system: Tensor, _ g: Tensor) -> Tensor? {
    guard system.firstNonFiniteIndex == nil, g.firstNonFiniteIndex == nil else { return nil }
    return try? LeastSquaresSolution(
      of: system, right: g, cutoffs: [g.dtype.machineEpsilon.squareRoot()]
    ).value
  }

  /// True: every step takes products with the Jacobian.
  public var differentiatesMap: Bool { true }
  /// How many failures in succession a sample is allowed, since each is answered by a shorter step.
  public var toleratedFailures: Int { TrustRegion.toleratedFailures }
}

extension ForwardSolver where Self == Newton {
  /// Newton's method with dense Jacobians.
  public static func newton(structure: JacobianStructure = .dense) -> Newton {
    Newton(structure: structure)
  }
}
