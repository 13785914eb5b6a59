import Tensors

/// A solve on its way: the one loop of the library, taken step by step.
///
/// A run is a value. A copy with a ledger of its own (`replica`) goes the same way once more.
struct SolveRun<Solver: ForwardSolver> {
  private let solver: Solver
  private let rule: StoppingRule
  private(set) var map: CountedMap
  private var history: Solver.History
  /// The iterate that is evaluated next, [rows, n].
  private(set) var z: Tensor
  /// The best iterates of the rows.
  private(set) var best: Tensor
  /// What samples that left had found and learned.
  private var departed: [(positions: [Int], best: Tensor, inverse: (any InverseJacobian)?)] = []
  private var mayShrink: Bool
  /// Whether the best iterates are differentiated as images of themselves: by one application more.
  private var endsWithImages = false
  private let shape: Shape

  var ledger: SolveLedger { map.ledger }
  var isOver: Bool { ledger.isOver }

  init(
    _ solver: Solver, of map: FixedPointMap, from initial: Tensor, until rule: StoppingRule
  ) {
    expect(
      initial.rank > 0,
      "a fixed point needs a state of shape [batch, ...], but the initial state is a scalar")
    (self.solver, self.rule, shape) = (solver, rule, initial.shape)
    let ledger = SolveLedger(from: initial, until: rule, by: solver)
    self.map = CountedMap(map, like: initial, ledger: ledger)
    history = solver.makeHistory()
    z = initial.flatSamples
    best = z
    mayShrink = rule.tolerance != nil
  }

  /// One iteration: evaluates the iterate, takes note of it, and chooses the next.
  ///
  /// - Parameter evaluate: in the place of the map, for an evaluation that is to be recorded;
  ///   counted as one of the map.
  /// - Throws: what the map throws; `CancellationError`.
  mutating func advance(evaluatingWith evaluate: ((Tensor) throws -> Tensor)? = nil) throws {
    try Task.checkCancellation()
    let isFirst = ledger.iterations == 0
    if evaluate != nil { map.count() }
    var point = Iterate(
      z: z, image: try evaluate?(z) ?? map.image(of: z), map: map)
    let improved = ledger.record(point)
    let found = endsWithImages && point.image.isRecorded ? point.image.withElements(of: z) : z
    if improved.count == z.shape[0] {
      best = found
    } else if !improved.isEmpty {
      best = best.replacing(improved, found.samples(improved))
    }
    // Where the start is returned, its gradient is that of one application at least.
    if isFirst, point.image.isRecorded { best = point.image.withElements(of: best) }
    if rule.tolerance != nil {
      if isOver { return }
      point = try withoutSettledRows(point)
    }
    let next = try solver.next(after: point, &history)
    expect(
      next.shape == point.z.shape && next.dtype == point.z.dtype,
      "a solver's next iterate must be like the state, \(point.z.dtype) \(point.z.shape), but "
        + "\(solver.name) returned \(next.dtype) \(next.shape)")
    z = next
  }

  /// The point in the rows that are not settled, if the map can be restricted to them.
  private mutating func withoutSettledRows(_ point: Iterate) throws -> Iterate {
    guard mayShrink, ledger.openCount < map.samples.count else { return point }
    let isOpen = map.samples.map { ledger.isOpen[$0] }
    let open = isOpen.indices.filter { isOpen[$0] }
    guard let smaller = try map.restricted(to: open) else {
      mayShrink = false
      return point
    }
    let settled = isOpen.indices.filter { !isOpen[$0] }
    departed.append(
      (
        settled.map { map.samples[$0] }, best.samples(settled),
        solver.inverse(from: history)?.samples(settled)
      ))
    (map, history, best) = (smaller, history.samples(open), best.samples(open))
    return point.rows(open, map: smaller)
  }

  /// The result, the samples in their places.
  var solution: Solution<Tensor> {
    let parts = departed + [(map.samples, best, solver.inverse(from: history))]
    let inverses = parts.compactMap { part in part.inverse.map { (part.positions, $0) } }
    let found = rule.tolerance == nil ? z : assembled(parts.map { ($0.positions, $0.best) })
    return Solution(
      value: found.reshaped(shape), report: ledger.report,
      inverse: inverses.isEmpty ? nil : joined(inverses))
  }

  private func assembled(_ parts: [(positions: [Int], best: Tensor)]) -> Tensor {
    guard parts.count > 1 else { return best }
    var rows = Array(repeating: 0, count: shape[0])
    for (row, sample) in parts.flatMap(\.positions).enumerated() { rows[sample] = row }
    return Tensor.concatenated(parts.map(\.best)).samples(rows)
  }
}

extension SolveRun {
  /// All tensors on which later iterates depend.
  var tensors: [Tensor] { [z] + history.tensors }

  /// The same run with its tensors exchanged, one by one, for others of the same values.
  ///
  /// - Parameter exchange: gets a tensor and the rows that it belongs to, nil for all.
  /// - Returns: the run with other tensors.
  func replacingTensors(_ exchange: (Tensor, [Int]?) -> Tensor) -> SolveRun {
    var copy = self
    copy.z = exchange(z, nil)
    copy.history = history.replacingTensorsOfSamples(exchange)
    return copy
  }

  /// The same run with a ledger of its own, and `best` to start from.
  func replica() -> SolveRun {
    var copy = self
    copy.map = map.writing(to: ledger.copy())
    return copy
  }

  /// The same run, which keeps every sample to the end and differentiates what it returns as the
  /// image of itself.
  func truncated() -> SolveRun {
    var copy = self
    copy.mayShrink = false
    copy.endsWithImages = rule.tolerance != nil
    return copy
  }

  /// The same run, which keeps every sample to the end.
  func keepingEverySample() -> SolveRun {
    var copy = self
    copy.mayShrink = false
    return copy
  }

  /// Takes over where another run of the same steps has come to.
  mutating func adopt(best: Tensor) { self.best = best }
}

/// The inverse of the whole batch from those of its parts.
private func joined(
  _ parts: [(positions: [Int], inverse: any InverseJacobian)]
) -> any InverseJacobian {
  func join<Inverse: InverseJacobian>(like first: Inverse) -> any InverseJacobian {
    guard parts.count > 1 else { return first }
    return Inverse.joining(
      parts.map { positions, inverse in
        guard let part = inverse as? Inverse else {
          callerMistake("\(Inverse.self) and \(type(of: inverse)) come from one solver's history")
        }
        return (positions, part)
      })
  }
  return join(like: parts[0].inverse)
}

extension ForwardSolver {
  /// Iterates `map` from `initial` until `rule` is met.
  ///
  /// With a tolerance, each sample's result is its iterate of smallest residual |f(z) - z|, chosen
  /// by selection: a NaN in one sample changes no other and does not destroy its own best iterate.
  /// A sample is settled once it has converged, stalled, diverged or is no longer finite; the solve
  /// ends when all are settled. Settled samples leave the iteration if the map can be restricted to
  /// the others. With a number of evaluations, the result is the last iterate.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - initial: the first iterate, [batch, ...]; a previous solution's value for a warm start.
  ///   - rule: when to stop.
  /// - Returns: the solution, recorded if recording is on (this is what `Unrolled` differentiates).
  /// - Throws: what `map` throws; `CancellationError` where the task is cancelled, within one
  ///   evaluation. Not converging is no error but an outcome in the report.
  /// - Complexity: at most `rule.limit` evaluations of each sample.
  public func solve(
    _ map: FixedPointMap, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    try solve(map, from: initial, until: rule, evaluatingLastWith: nil)
  }

  /// Iterates a map given as a closure; see `solve(_:from:until:)`.
  public func solve(
    _ map: @escaping (Tensor) throws -> Tensor, from initial: Tensor, until rule: StoppingRule
  ) throws -> Solution<Tensor> {
    try solve(FixedPointMap(map), from: initial, until: rule)
  }

  /// The same, where the last evaluation of a fixed number of them is done by `last`.
  ///
  /// - Parameters:
  ///   - map: f.
  ///   - initial: the first iterate.
  ///   - rule: when to stop.
  ///   - last: z in the map's own shape -> f(z); nil for the map itself.
  /// - Returns: the solution.
  /// - Throws: as `solve`.
  func solve(
    _ map: FixedPointMap, from initial: Tensor, until rule: StoppingRule,
    evaluatingLastWith last: ((Tensor) throws -> Tensor)?
  ) throws -> Solution<Tensor> {
    var run = SolveRun(self, of: map, from: initial, until: rule)
    while !run.isOver {
      guard let last, rule.tolerance == nil, run.ledger.iterations == rule.limit - 1 else {
        try run.advance()
        continue
      }
      let shaped = run.map.shaped
      try run.advance { try last(shaped($0)).flatSamples }
    }
    return run.solution
  }
}
