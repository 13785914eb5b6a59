import ImplicitLayers
import Tensors

extension EstimatorComparison {
  /// Measures the estimators that have figures of all samples, and writes what they cost into their rows.
  ///
  /// One that fails meanwhile keeps its figures; its row says why it is not timed.
  func measureCosts(
    of compared: [ComparedEstimator], on problem: ComparisonProblem,
    into rows: inout [ComparisonReport.Row]
  ) throws {
    let measurable = rows.indices.filter { rows[$0].overall != nil && rows[$0].failedSamples == [] }
    var errors: [Int: any Error] = [:]
    let costs = try costs(
      of: measurable.map { compared[$0] }, on: problem, using: solver, until: stoppingRule,
      repeats: repeats
    ) { index, error in
      guard error is BackwardFailure || status(of: error) != nil else { throw error }
      errors[index] = error
    }
    for (index, row) in measurable.enumerated() {
      if let error = errors[index] {
        rows[row].status += "; not timed: \(error)"
        continue
      }
      rows[row].forwardSeconds = costs[index]?.forwardSeconds
      rows[row].backwardSeconds = costs[index]?.backwardSeconds
      rows[row].peakBytes = costs[index]?.peakBytes
      rows[row].tapeNodes = costs[index]?.tapeNodes
    }
  }

  /// Measures in turns.
  ///
  /// - Parameters:
  ///   - compared: the estimators.
  ///   - problem: the problem.
  ///   - solver: how to iterate.
  ///   - rule: when a solve ends.
  ///   - repeats: how often each is measured.
  ///   - handle: gets the error of an estimator, with its index, or throws it on; the estimator does not
  ///     take part any more. Default throwing.
  /// - Returns: the medians, one for each estimator; nil for no repeats, or an error.
  /// - Throws: what `handle` throws.
  func costs(
    of compared: [ComparedEstimator], on problem: ComparisonProblem,
    using solver: any ForwardSolver, until rule: StoppingRule, repeats: Int,
    handlingErrors handle: (_ index: Int, _ error: any Error) throws -> Void = { throw $1 }
  ) throws -> [PassCost?] {
    var costs: [[PassCost]?] = compared.map { _ in [] }
    for _ in 0..<repeats {
      for index in compared.indices where costs[index] != nil {
        do {
          costs[index]?.append(try cost(compared[index], on: problem, using: solver, until: rule))
        } catch {
          try handle(index, error)
          costs[index] = nil
        }
      }
    }
    return costs.map { $0.flatMap { PassCost.median(of: $0) } }
  }

  /// What a pass from the first iterate costs.
  private func cost(
    _ compared: ComparedEstimator, on problem: ComparisonProblem, using solver: any ForwardSolver,
    until rule: StoppingRule
  ) throws -> PassCost {
    let clock = ContinuousClock()
    let nodes = TensorMemory.liveNodes
    let bytes = TensorMemory.liveBytes
    TensorMemory.resetPeak()
    let start = clock.now
    let solution = try solution(
      compared.estimator, on: problem, using: compared.solver ?? solver, until: rule)
    let middle = clock.now
    let tapeNodes = TensorMemory.liveNodes - nodes
    let tapeBytes = TensorMemory.liveBytes - bytes
    let table = try gradients(
      of: solution.value, cotangent: problem.cotangent, retainingGraph: true)
    let end = clock.now
    defer { withExtendedLifetime(table) {} }
    return PassCost(
      forwardSeconds: start.duration(to: middle) / .seconds(1),
      backwardSeconds: middle.duration(to: end) / .seconds(1),
      peakBytes: TensorMemory.peakBytes - bytes, tapeBytes: tapeBytes, tapeNodes: tapeNodes)
  }

  /// The solution from the first iterate, or at a z* that was given.
  ///
  /// An implicit estimator records one application at what a solve to a tolerance finds. That is done here
  /// in its two parts, so that J counts as known there as well as where the figures come from: to the
  /// dtype's resolution, and not to the solve's residual, which would fail where |w| is large.
  private func solution(
    _ estimator: any BackwardEstimator, on problem: ComparisonProblem,
    using solver: any ForwardSolver, until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    func recorded(at z: Tensor, _ inverse: (any InverseJacobian)?) throws -> Solution<Tensor> {
      try estimator.solution(
        of: problem.map, from: z, using: AlreadySolved(inverse: inverse), until: .evaluations(1))
    }
    guard let initial = problem.initial else {
      return try recorded(at: problem.solution, problem.inverse)
    }
    guard estimator.adjoint != nil, rule.tolerance != nil else {
      return try estimator.solution(of: problem.map, from: initial, using: solver, until: rule)
    }
    let found = try withoutRecording { try solver.solve(problem.map, from: initial, until: rule) }
    return try recorded(at: found.value, found.inverse)
  }
}

/// Time and memory of a pass.
struct PassCost {
  var forwardSeconds: Double
  var backwardSeconds: Double
  /// The most that was alive at once, beyond what was alive before.
  var peakBytes: Int
  /// What is alive between the passes: z* and the tape.
  var tapeBytes: Int
  var tapeNodes: Int

  /// The median of each number over several passes.
  static func median(of costs: [PassCost]) -> PassCost? {
    guard !costs.isEmpty else { return nil }
    func middle<Number: Comparable>(_ number: (PassCost) -> Number) -> Number {
      costs.map(number).sorted()[costs.count / 2]
    }
    return PassCost(
      forwardSeconds: middle(\.forwardSeconds), backwardSeconds: middle(\.backwardSeconds),
      peakBytes: middle(\.peakBytes), tapeBytes: middle(\.tapeBytes),
      tapeNodes: middle(\.tapeNodes))
  }
}
