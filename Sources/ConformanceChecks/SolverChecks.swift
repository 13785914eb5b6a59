import ImplicitLayers
import Tensors

/// The properties that a forward solver must have to be usable in every layer and with every
/// estimator.
///
/// ```swift
/// let failures = try SolverChecks(HeavyBall(momentum: 0.2)).failures()
/// precondition(failures.isEmpty, failures.joined(separator: "\n"))
/// ```
/// The problems are contractions with well separated fixed points. A solver that needs more than a
/// contraction may have tests of its own in addition. The checks do not depend on a testing
/// library.
public struct SolverChecks {
  private let solver: any ForwardSolver
  private let limit: Int

  /// Checks of `solver`.
  ///
  /// - Parameters:
  ///   - solver: the solver that is checked.
  ///   - limit: the largest number of evaluations for a problem; default 500, ten times as many as
  ///     plain iteration takes.
  public init(_ solver: any ForwardSolver, limit: Int = 500) {
    self.solver = solver
    self.limit = limit
  }

  /// The properties that the solver lacks, in words; empty if it conforms.
  ///
  /// - Throws: what the solver throws.
  public func failures() throws -> [String] {
    try convergence() + shapes() + independence() + poison() + division() + gradients()
  }

  private var rule: StoppingRule { .tolerance(relative: 0, absolute: 1e-9, limit: limit) }

  /// Checks that it finds fixed points, and that its report describes the point that it returns.
  private func convergence() throws -> [String] {
    var failures: [String] = []
    for problem in Problem.all {
      let solution = try solver.solve(problem.map, from: problem.initial, until: rule)
      let residuals = (problem.map(solution.value) - solution.value).normsOfSamples
      if !solution.report.converged {
        failures.append("does not solve \(problem.name): \(solution.report)")
      } else if let worst = residuals.max(), worst > 1e-9 {
        failures.append("claims to have solved \(problem.name), with a residual of \(worst)")
      }
      let again = try solver.solve(problem.map, from: problem.initial, until: rule)
      if again.value.scalars != solution.value.scalars {
        failures.append("gives another result for \(problem.name) when it is run again")
      }
    }
    return failures
  }

  /// Checks that shapes and dtypes are kept, and that a batch without samples is accepted.
  private func shapes() throws -> [String] {
    var failures: [String] = []
    for dtype in [DType.float32, .float64] {
      for shape in [[2, 3], [0, 3], [3, 2, 4], [1, 1]] as [Shape] {
        let solution = try solver.solve(
          { $0 * 0.5 + 1 }, from: .zeros(shape, dtype: dtype), until: .evaluations(4))
        let value = solution.value
        if value.shape != shape || value.dtype != dtype {
          failures.append(
            "turns a state of \(dtype) \(shape) into \(value.dtype) \(value.shape)")
        }
      }
    }
    return failures
  }

  /// Checks that the result of a sample is the same alone, in a batch, and at another place in the
  /// batch.
  private func independence() throws -> [String] {
    var failures: [String] = []
    let together = try solve(Problem.factors)
    let reversed = try solve(Problem.factors.reversed())
    for (sample, factor) in Problem.factors.enumerated() {
      let result = together.slice(sample..<sample + 1).scalars
      if try solve([factor]).scalars != result {
        failures.append("gives sample \(sample) another result alone than in a batch")
      }
      let mirrored = Problem.factors.count - 1 - sample
      if reversed.slice(mirrored..<mirrored + 1).scalars != result {
        failures.append("gives sample \(sample) another result elsewhere in the batch")
      }
    }
    return failures
  }

  /// Checks that NaN in one sample changes no other sample.
  private func poison() throws -> [String] {
    let healthy = try solve(Problem.factors)
    var factors = Problem.factors
    factors[1] = .nan
    let poisoned = try solve(factors)
    return Problem.factors.indices.compactMap { sample in
      sample == 1
        || poisoned.slice(sample..<sample + 1).scalars
          == healthy.slice(sample..<sample + 1).scalars
        ? nil : "lets a NaN in sample 1 change sample \(sample)"
    }
  }

  /// Checks that samples that leave the solve change nothing for the others.
  private func division() throws -> [String] {
    let whole = try solve(Problem.factors)
    let divided = try solve(Problem.factors, isRestrictable: true)
    return whole.scalars == divided.scalars
      ? [] : ["gives other results when samples that are done leave the solve"]
  }

  /// Checks that the solver can be unrolled: at convergence the gradient is the exact one.
  private func gradients() throws -> [String] {
    var failures: [String] = []
    let (w, x) = (Problem.weight, Problem.offset)
    let estimators: [any BackwardEstimator] = [.exact, .unrolled]
    let results = try estimators.map { estimator in
      let (weight, offset) = (w.variable(), x.variable())
      let z = try fixedPoint(
        from: x.zerosLike(), using: solver, estimator: estimator,
        until: .tolerance(relative: 0, absolute: 1e-14, limit: limit, onFailure: .keeping)
      ) { z in (z.matmul(weight) + offset).tanh() }
      guard z.isRecorded else { return (Tensor?.none, Tensor?.none) }
      let table = try Tensors.gradients(of: z.square().sum())
      return (table[weight], table[offset])
    }
    for (name, pair) in [
      ("weights", (results[0].0, results[1].0)), ("input", (results[0].1, results[1].1)),
    ] {
      guard let exact = pair.0, let unrolled = pair.1 else {
        failures.append(
          "loses the gradient of the \(name) when unrolled: `next` must be written in tensor "
            + "operators")
        continue
      }
      let error = (unrolled - exact).largestMagnitude / exact.largestMagnitude
      if !(error < 1e-7) {
        failures.append(
          "is differentiated wrongly when unrolled: the gradient of the \(name) is off by "
            + "\(error) of the exact one; `next` must be written in tensor operators")
      }
    }
    return failures
  }

  /// The map z -> tanh(a z + 1 / 2), with one a per sample.
  private func solve(_ factors: [Double], isRestrictable: Bool = false) throws -> Tensor {
    let map = { (factors: [Double]) -> (Tensor) -> Tensor in
      let a = Tensor(factors, shape: [factors.count, 1], dtype: .float64)
      return { z in (z * a + 0.5).tanh() }
    }
    let whole = map(factors)
    let initial = Tensor.zeros([factors.count, 3], dtype: .float64)
    return try solver.solve(
      isRestrictable
        ? FixedPointMap(whole) { positions in map(positions.map { factors[$0] }) }
        : FixedPointMap(whole), from: initial, until: rule
    ).value
  }
}
