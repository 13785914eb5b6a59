import Tensors

/// The exact adjoint u = (I - J^T)^-1 v from the dense Jacobian, through LAPACK.
///
/// For a state of n numbers per sample: n pullbacks serve the whole batch (samples do not mix, so
/// one pullback yields a row of every sample's J), then one LU factorisation and solve per sample,
/// n^2 numbers of memory each. Meant for small states and as the reference for other estimators;
/// it needs no contraction, only that 1 is no eigenvalue of J. The residual and the condition of
/// I - J that are reported come from the dense matrix and cost next to nothing. Where the structure of J
/// is known, as many pullbacks are enough as it has colours, and one more checks the structure.
///
/// The gradient has the derivatives of the equation, to any order: each takes another such system, from
/// a J that is assembled again (`EstimateDerivative.ofEquation`).
public struct ExactAdjoint: AdjointEstimator {
  /// Which entries of J can differ from zero.
  public let structure: JacobianStructure
  /// What happens to samples whose I - J is singular as far as it is known.
  public let onFailure: FailurePolicy

  /// The estimator.
  ///
  /// - Parameters:
  ///   - structure: which entries of J can differ from zero; default all.
  ///   - onFailure: what happens to samples whose I - J is singular; default throwing.
  public init(structure: JacobianStructure = .dense, onFailure: FailurePolicy = .throwing) {
    (self.structure, self.onFailure) = (structure, onFailure)
  }

  /// Solves (I - J)^T u = v for every sample.
  ///
  /// If I - J has a relative error e, u is off by condition x e. If that leaves no correct digit,
  /// the outcome is `singular`; e comes from the forward residual and from the dtype.
  ///
  /// - Returns: the solution; v in samples whose system has none.
  /// - Throws: what the pullback throws; `WrongStructure` where J has entries outside of it.
  public func estimate(_ problem: AdjointProblem) throws -> AdjointEstimate {
    let v = problem.cotangent
    guard v.count > 0 else { return AdjointEstimate(value: v) }
    let system = try DenseSystem(problem, structure)
    let factors = LUFactorization(ofPossiblySingular: system.matrices)
    let conditions = factors.reciprocalConditions.map { 1 / $0 }
    let isSolvable = conditions.map(\.isFinite)
    let u = factors.solve(system.right, transposed: true)
      .replacingSamples(isSolvable.map(!), with: system.right)
    let outcomes = conditions.indices.map { sample -> Outcome in
      if !system.isFinite[sample] { return .nonFinite }
      let error = conditions[sample] * max(problem.accuracies[sample], v.dtype.machineEpsilon)
      return error < 0.5 ? .converged : .singular
    }
    return system.estimate(u, outcomes, conditions: conditions)
  }

  /// `.ofEquation`: w solves the equation, so its derivative is that of the solution, however w was
  /// found.
  public var derivative: EstimateDerivative { .ofEquation }
  /// The name in reports, "exact adjoint".
  public var name: String { "exact adjoint" }
  /// The family of estimators that assemble J.
  public var family: String { "dense" }
}

/// I - J of every sample with its right-hand side v, and what is reported of a solution.
struct DenseSystem {
  /// I - J, [batch, n, n], and v, [batch, n]; samples that are not finite are zero.
  let matrices: Tensor
  let right: Tensor
  /// Whether J and v are finite.
  let isFinite: [Bool]
  private let shape: Shape
  private let pullbacks: Int

  /// Assembles J from n pullbacks, or from as many as its structure asks for.
  init(_ problem: AdjointProblem, _ structure: JacobianStructure = .dense) throws {
    let v = problem.cotangent
    let structure = problem.order % 2 == 0 ? structure : structure.transposed
    var count = 0
    let jacobians = try jacobiansOfSamples(like: v, structure: structure) { w in
      count += 1
      return try problem.pullback(w)
    }
    if structure != .dense { try DenseSystem.check(jacobians, problem) }
    isFinite = zip(jacobians.normsOfSamples, v.normsOfSamples).map { ($0 + $1).isFinite }
    let n = jacobians.shape[1]
    matrices = Tensor.identity(n, dtype: v.dtype) - jacobians.keepingSamples(isFinite)
    right = v.keepingSamples(isFinite).reshaped([v.shape[0], n])
    shape = v.shape
    pullbacks = count
  }

  /// Compares J^T x as it was assembled with a pullback, for an x without zeros.
  private static func check(_ jacobians: Tensor, _ problem: AdjointProblem) throws {
    let v = problem.cotangent
    var generator = Philox(seed: 1)
    let x = Tensor.uniform(v.shape, dtype: v.dtype, using: &generator) + 0.5
    let exact = try problem.pullback(x).flatSamples
    let flat = x.flatSamples
    let product = jacobians.matmul(flat.reshaped(flat.shape + [1]), transposingSelf: true)
    let errors = (product.reshaped(flat.shape) - exact).normsOfSamples
    let sizes = zip(exact.normsOfSamples, flat.normsOfSamples).map { $0 + $1 }
    // Inner layers may be much wider than the state, and cancel.
    let bound = Double(max(flat.shape[1], 64)) * 64 * v.dtype.machineEpsilon
    if let sample = errors.indices.first(where: { errors[$0] > bound * sizes[$0] }) {
      throw WrongStructure(sample: sample, share: errors[sample] / sizes[sample])
    }
  }

  /// |v - (I - J^T) u| / |v| of every sample.
  func relativeResiduals(_ u: Tensor) -> [Double] {
    let product = matrices.matmul(u.reshaped(u.shape + [1]), transposingSelf: true)
    return zip((right - product.reshaped(u.shape)).normsOfSamples, right.normsOfSamples).map {
      $1 == 0 ? 0 : $0 / $1
    }
  }

  /// u with its report.
  func estimate(_ u: Tensor, _ outcomes: [Outcome], conditions: [Double]?) -> AdjointEstimate {
    let residuals = relativeResiduals(u)
    let samples = outcomes.indices.map { sample in
      let (outcome, residual) = (outcomes[sample], residuals[sample])
      // A solution whose own residual is above a hundredth is rejected, whatever the condition is.
      let isPoor = outcome == .converged && conditions != nil && !(residual <= 0.01)
      return LinearSolveReport.Sample(
        outcome: isPoor ? .singular : outcome, relativeResidual: residual, applications: pullbacks,
        condition: conditions?[sample])
    }
    return AdjointEstimate(
      value: u.reshaped(shape), report: LinearSolveReport(samples: samples, applications: pullbacks)
    )
  }
}

extension BackwardEstimator where Self == ExactAdjoint {
  /// The exact adjoint through LAPACK.
  public static var exact: ExactAdjoint { ExactAdjoint() }

  /// The exact adjoint through LAPACK.
  ///
  /// - Parameters:
  ///   - structure: which entries of J can differ from zero; default all.
  ///   - onFailure: what happens to samples whose I - J is singular; default throwing.
  /// - Returns: the estimator.
  public static func exact(
    structure: JacobianStructure = .dense, onFailure: FailurePolicy = .throwing
  ) -> ExactAdjoint {
    ExactAdjoint(structure: structure, onFailure: onFailure)
  }
}

/// The error that a Jacobian has entries that the given structure leaves out.
public struct WrongStructure: Error, CustomStringConvertible {
  /// The first sample that has such an entry.
  public let sample: Int
  /// |J^T x - what was assembled| relative to |J^T x| + |x|.
  public let share: Double

  /// What happened and what to try.
  public var description: String {
    "the Jacobian of sample \(sample) has entries outside of the structure that .exact was given: "
      + "they make \(share) of a product; widen the band or the pattern, or use .dense"
  }
}
