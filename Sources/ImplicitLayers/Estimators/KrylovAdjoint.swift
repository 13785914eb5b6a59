import Tensors

/// The adjoint (I - J^T) w = v by a Krylov method, to a tolerance relative to |v| in each sample.
///
/// ```swift
/// let z = try fixedPoint(from: z0, estimator: .gmres(tolerance: 1e-8)) { z in
///   (z.matmul(w) + x).tanh()
/// }
/// ```
/// One pullback an application, no contraction needed, and the memory of one application of f on
/// the tape. The forward solver's inverse, H ~ (J - I)^-1, serves as a preconditioner if wanted:
/// then reuse costs no bias, unlike in `QuasiNewtonReuse`.
///
/// The gradient has the derivatives of the equation, to any order, each by another such solve to the same
/// tolerance (`EstimateDerivative.ofEquation`); no step of the method is recorded.
public struct KrylovAdjoint: AdjointEstimator {
  /// The method, with its tolerance and limit.
  public let solver: any LinearSolver
  /// Whether -H^T preconditions, where the forward solver learned an H.
  public let inverseUse: InverseUse
  /// x -> about (I - J^T)^-1 x, linear and of the user's own making; nil for none.
  public let preconditioner: Preconditioner?
  /// The last adjoint, from which to start; nil starts from 0.
  public let memory: AdjointMemory?
  /// What is done about samples that do not reach the tolerance.
  public let onFailure: FailurePolicy

  /// x -> about (I - J^T)^-1 x for a batch [batch, ...], linear in x.
  public typealias Preconditioner = @Sendable (_ x: Tensor) throws -> Tensor

  /// An estimator.
  ///
  /// Stops when there is a preconditioner and the forward solver's inverse is to be one too.
  ///
  /// - Parameters:
  ///   - solver: the method.
  ///   - reusingInverse: whether the forward solver's inverse preconditions; default false.
  ///   - preconditioner: default nil; where derivatives of the gradient ask for (I - J)^-1, its
  ///     transpose is taken if it is made of tensor operators, and none otherwise.
  ///   - memory: default nil.
  ///   - onFailure: default throwing.
  public init(
    solver: any LinearSolver, reusingInverse: Bool = false,
    preconditioner: Preconditioner? = nil, memory: AdjointMemory? = nil,
    onFailure: FailurePolicy = .throwing
  ) {
    expect(
      !reusingInverse || preconditioner == nil,
      "one thing preconditions: the forward solver's inverse or a function of one's own")
    (self.solver, self.memory, self.onFailure) = (solver, memory, onFailure)
    self.preconditioner = preconditioner
    inverseUse = reusingInverse ? .welcome : .ignored
  }

  /// Solves (I - J^T) w = v in every sample.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let v = problem.cotangent
    let memory = problem.order == 0 ? memory : nil
    let own = preconditioner.map { own in
      { (x: Tensor) throws -> Tensor in
        if problem.order % 2 == 0 { return try own(x) }
        let (value, pullback) = try valueWithPullback(at: x.zerosLike(), of: own)
        // One that is not made of operators has no transpose: nothing preconditions then.
        return value.isRecorded ? try pullback(x) : x
      }
    }
    let found = try solver.solve(
      v, from: memory?.start(for: v), floors: problem.accuracies,
      preconditioner: own ?? problem.reusedInverse, applying: problem.system)
    memory?.keep(found.value, for: v)
    return AdjointEstimate(value: found.value, report: found.report)
  }

  /// `.ofEquation`: w solves the equation, so its derivative is that of the solution, however w was
  /// found.
  public var derivative: EstimateDerivative { .ofEquation }
  /// The name in reports, for instance "GMRES to 1e-05".
  public var name: String { solver.name + (inverseUse == .welcome ? ", with the inverse" : "") }
  /// The family of estimators that build a Krylov space.
  public var family: String { "Krylov" }
}

extension BackwardEstimator where Self == KrylovAdjoint {
  /// GMRES on the adjoint system; see `GMRES` for the numbers.
  ///
  /// A tolerance of 1e-3 is enough for training, 1e-8 and less for gradient checks in float64.
  public static func gmres(
    tolerance: Double = 1e-5, dimension: Int = 20, limit: Int = 100, reusingInverse: Bool = false,
    preconditioner: KrylovAdjoint.Preconditioner? = nil, memory: AdjointMemory? = nil,
    onFailure: FailurePolicy = .throwing
  ) -> KrylovAdjoint {
    KrylovAdjoint(
      solver: GMRES(dimension: dimension, tolerance: tolerance, limit: limit),
      reusingInverse: reusingInverse, preconditioner: preconditioner, memory: memory,
      onFailure: onFailure)
  }

  /// BiCGStab on the adjoint system; see `BiCGStab` for the numbers.
  public static func biCGStab(
    tolerance: Double = 1e-5, limit: Int = 200, reusingInverse: Bool = false,
    preconditioner: KrylovAdjoint.Preconditioner? = nil, memory: AdjointMemory? = nil,
    onFailure: FailurePolicy = .throwing
  ) -> KrylovAdjoint {
    KrylovAdjoint(
      solver: BiCGStab(tolerance: tolerance, limit: limit), reusingInverse: reusingInverse,
      preconditioner: preconditioner, memory: memory, onFailure: onFailure)
  }
}
