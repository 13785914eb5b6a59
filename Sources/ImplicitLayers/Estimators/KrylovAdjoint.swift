import Tensors

/// The adjoint (I - J^T) w = v by a Krylov method, to a tolerance relative to |v| in each sample.
///
/// ```swift
/// let z = try fixedPoint(from: z0, estimator: .gmres(tolerance: 1e-8)) { z in ... }
/// ```
/// One pullback an application, no contraction needed, and the memory of one application of f on
/// the tape. The forward solver's inverse, H ~ (J - I)^-1, serves as a preconditioner if wanted:
/// then reuse costs no bias, unlike in `QuasiNewtonReuse`.
public struct KrylovAdjoint: AdjointEstimator {
  /// The method, with its tolerance and limit.
  public let solver: any LinearSolver
  /// Whether -H^T preconditions, where the forward solver learned an H.
  public let inverseUse: InverseUse
  /// The last adjoint, from which to start; nil starts from 0.
  public let memory: AdjointMemory?
  /// What is done about samples that do not reach the tolerance.
  public let onFailure: FailurePolicy

  /// An estimator.
  ///
  /// - Parameters:
  ///   - solver: the method.
  ///   - reusingInverse: whether the forward solver's inverse preconditions; default false.
  ///   - memory: default nil.
  ///   - onFailure: default throwing.
  public init(
    solver: any LinearSolver, reusingInverse: Bool = false, memory: AdjointMemory? = nil,
    onFailure: FailurePolicy = .throwing
  ) {
    self.solver = solver
    inverseUse = reusingInverse ? .welcome : .ignored
    self.memory = memory
    self.onFailure = onFailure
  }

  /// Solves (I - J^T) w = v in every sample.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let v = problem.cotangent
    let preconditioner = problem.inverse.map { inverse in
      { (x: Tensor) -> Tensor in -inverse.transposeApplied(to: x) }
    }
    let found = try solver.solve(
      v, from: memory?.start(for: v), floors: problem.accuracies, preconditioner: preconditioner
    ) { w in
      try Task.checkCancellation()
      return try problem.system(w)
    }
    memory?.keep(found.value, for: v)
    return AdjointEstimate(value: found.value, report: found.report)
  }

  /// "GMRES to 1e-05".
  public var name: String { solver.name + (inverseUse == .welcome ? ", with the inverse" : "") }
  /// Of those that build a Krylov space.
  public var family: String { "Krylov" }

  /// The adjoint of an unrolled Newton step.
  ///
  /// - Throws: `AdjointNotSolved` where the system could not be solved; a sample that is not finite
  ///   stays NaN.
  func unrolled(_ v: Tensor, through pullback: @escaping (Tensor) throws -> Tensor) throws -> Tensor
  {
    let found = try estimate(AdjointProblem(cotangent: v, pullback: pullback))
    guard let samples = found.report?.samples else { return found.value }
    if let row = samples.firstIndex(where: {
      $0.outcome != .nonFinite && !($0.relativeResidual <= v.dtype.machineEpsilon.squareRoot())
    }) {
      throw AdjointNotSolved(row: row, relativeResidual: samples[row].relativeResidual)
    }
    return found.value.replacingSamples(
      samples.map { $0.outcome == .nonFinite }, with: .full(.nan, v.shape, dtype: v.dtype))
  }
}

extension BackwardEstimator where Self == KrylovAdjoint {
  /// GMRES on the adjoint system; see `GMRES` for the numbers.
  ///
  /// - Parameters:
  ///   - tolerance: relative to |v|; default 1e-5. 1e-3 is enough for training, 1e-8 and less for
  ///     gradient checks in float64.
  ///   - dimension: of the Krylov space at a restart; default 20.
  ///   - limit: of pullbacks; default 100.
  ///   - reusingInverse: whether the forward solver's inverse preconditions; default false.
  ///   - memory: the last adjoint, from which to start; default nil.
  ///   - onFailure: default throwing.
  /// - Returns: the estimator.
  public static func gmres(
    tolerance: Double = 1e-5, dimension: Int = 20, limit: Int = 100, reusingInverse: Bool = false,
    memory: AdjointMemory? = nil, onFailure: FailurePolicy = .throwing
  ) -> KrylovAdjoint {
    KrylovAdjoint(
      solver: GMRES(dimension: dimension, tolerance: tolerance, limit: limit),
      reusingInverse: reusingInverse, memory: memory, onFailure: onFailure)
  }

  /// BiCGStab on the adjoint system; see `BiCGStab` for the numbers.
  public static func biCGStab(
    tolerance: Double = 1e-5, limit: Int = 200, reusingInverse: Bool = false,
    memory: AdjointMemory? = nil, onFailure: FailurePolicy = .throwing
  ) -> KrylovAdjoint {
    KrylovAdjoint(
      solver: BiCGStab(tolerance: tolerance, limit: limit), reusingInverse: reusingInverse,
      memory: memory, onFailure: onFailure)
  }
}

/// The adjoint system of an unrolled Newton step could not be solved.
public struct AdjointNotSolved: Error, CustomStringConvertible {
  /// The sample, as a row of the states in that step.
  public let row: Int
  /// |v - (I - J^T) w| / |v| that was reached.
  public let relativeResidual: Double

  /// What happened and what to try.
  public var description: String {
    "the adjoint system of an unrolled Newton step was solved only to a relative residual of "
      + "\(relativeResidual) in row \(row): I - J may be singular there; use an estimator for "
      + "singular systems, or raise the Krylov dimension"
  }
}
