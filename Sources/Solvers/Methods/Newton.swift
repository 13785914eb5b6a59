import Tensors

/// Newton's method on g(z) = f(z) - z with the dense Jacobian of each sample, for few unknowns.
///
/// ```swift
/// let x = try root(of: g, from: start, using: .newton())
/// let x = try root(of: g, from: start, using: .newton(structure: .banded(lower: 1, upper: 1)))
/// ```
/// A step solves (I - J) s = g by LU: n pullbacks for n unknowns, or as many as the structure of J asks
/// for, which serve the whole batch, and n^2 numbers of each sample. How far it is followed is the
/// business of `TrustRegion`; where I - J is singular a fixed-point step is taken. For many unknowns:
/// `NewtonKrylov`. Unrolled, every iterate has the implicit derivative at its own place.
public struct Newton: ForwardSolver {
  /// Which entries J has.
  public let structure: JacobianStructure

  /// The method.
  ///
  /// - Parameter structure: default dense.
  public init(structure: JacobianStructure = .dense) { self.structure = structure }

  /// Before the first step.
  public func makeHistory() -> NewtonHistory { NewtonHistory() }

  /// A shorter step where the last was too long, a new one elsewhere.
  public func next(after point: Iterate, _ history: inout NewtonHistory) throws -> Tensor {
    let found = try withoutRecording {
      try history.next(after: point.detached()) { base, rows, _ in
        let near = try point.map.ofRows(rows, around: point.z).linearization(at: base.z)
        return try step(base.residual, near)
      }
    }
    guard isRecording else { return found }
    return try implicitlyDifferentiated(
      found, in: point.map, by: GMRES(dimension: 50, tolerance: 0, limit: 500))
  }

  private func step(_ residual: Tensor, _ near: MapLinearization) throws -> Tensor {
    let matrices = try jacobian(like: residual, structure: structure, pullback: near.pullback)
    let systems = Tensor.identity(residual.shape[1], dtype: residual.dtype) - matrices
    let factors = LUFactorization(ofPossiblySingular: systems)
    let isSolvable = factors.reciprocalConditions.map { $0 > residual.dtype.machineEpsilon }
    return residual.replacingSamples(isSolvable, with: factors.solve(residual))
  }

  /// Each is answered by a shorter step.
  public var toleratedFailures: Int { TrustRegion.toleratedFailures }
}

extension ForwardSolver where Self == Newton {
  /// Newton's method with dense Jacobians.
  public static func newton(structure: JacobianStructure = .dense) -> Newton {
    Newton(structure: structure)
  }
}
