import Tensors

extension BackwardEstimator {
  /// Solves z = map(z), and differentiates the solution and chosen iterates.
  ///
  /// - Throws: what `map` throws; `NoTrajectory` where the estimator is neither implicit nor plain
  ///   unrolling.
  func trajectory(
    of map: FixedPointMap, from initial: Tensor, using solver: any ForwardSolver,
    until rule: StoppingRule, choosing choice: IterateChoice
  ) throws -> Trajectory<Tensor> {
    choice.check()
    guard let adjoint else {
      let keepsAll =
        (self as? Unrolled).map { $0.lastSteps == nil && $0.kept == .everyStep } ?? false
      guard keepsAll || !isRecording else { throw NoTrajectory(estimator: name) }
      let (found, way) = try collect(choice, solver, of: map, from: initial, until: rule)
      return Trajectory(solution: found, iterates: way.chosen, indices: way.indices)
    }
    let start = self is StraightThrough ? initial : nil
    var way: Iterates?
    let solution = try adjoint.implicitSolution(of: map, tying: start) { map in
      let (found, iterates) = try collect(
        choice, solver, of: map, from: initial.detached(), until: rule)
      way = iterates
      return found
    }
    guard let way else { callerMistake("a solve ended without iterates") }
    let iterates = try zip(way.chosen, way.indices).map { point, indices -> Tensor in
      if indices == way.steps { return solution.value }
      guard isRecording else { return point }
      // J is taken at the iterate itself, so the iterate's distance from the solution is not an
      // error of J.
      var report = solution.report
      for sample in report.samples.indices { report.samples[sample].relativeResidual = 0 }
      let found = Solution(value: point, report: report, inverse: solution.inverse)
      return try adjoint.differentiated(
        found, by: ImplicitFunction(map.callAsFunction, at: point), tying: start
      ).value
    }
    return Trajectory(solution: solution, iterates: iterates, indices: way.indices)
  }
}

/// The chosen iterates of a finished solve.
private struct Iterates {
  /// The chosen iterates in the order of the choice; each sample has its own.
  let chosen: [Tensor]
  /// [iterate][sample], the number of evaluations before it.
  let indices: [[Int]]
  /// The index of the returned iterate of each sample.
  let steps: [Int]
}

/// Runs a solver and keeps the chosen iterates.
private func collect<Solver: ForwardSolver>(
  _ choice: IterateChoice, _ solver: Solver, of map: FixedPointMap, from initial: Tensor,
  until rule: StoppingRule
) throws -> (Solution<Tensor>, Iterates) {
  var run = SolveRun(solver, of: map, from: initial, until: rule)
  run.mayShrink = false
  let limit = rule.tolerance == nil ? rule.limit : nil
  var kept: [Int: Tensor] = [:]
  func keep() {
    let index = run.ledger.iterations
    if choice.mayChoose(index, limit: limit) {
      kept[index] = run.tensors[0].reshaped(initial.shape)
    }
  }
  while !run.isOver {
    keep()
    try run.advance()
  }
  if limit != nil { keep() }
  let steps = run.ledger.returnedIterates
  if isRecording { run.ledger.keep(differentiatedSteps: steps.map { max($0, 1) }) }
  let solution = run.solution
  let perSample = steps.map { choice.indices(steps: $0) }
  let indices = choice.indices(steps: 0).indices.map { position in perSample.map { $0[position] } }
  let chosen = indices.map { indices -> Tensor in
    var found = solution.value
    for index in Set(indices).sorted() {
      let isHere = zip(indices, steps).map { $0 == index && $1 != index }
      if isHere.contains(true), let iterate = kept[index] {
        found = found.replacingSamples(isHere, with: iterate)
      }
    }
    return found
  }
  return (solution, Iterates(chosen: chosen, indices: indices, steps: steps))
}
