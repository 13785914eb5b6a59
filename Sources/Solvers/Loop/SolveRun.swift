import Tensors

/// A solve in progress: the one loop of the library, taken step by step.
///
/// A run is a value. A copy with a ledger of its own (`replica`) repeats the same steps.
package struct SolveRun<Solver: ForwardSolver> {
  private let solver: Solver
  private let rule: StoppingRule
  private var map: CountedMap
  private var history: Solver.History
  /// The iterate that is evaluated next, [rows, n].
  private var z: Tensor
  /// The best iterates of the rows.
  package var best: Tensor
  /// How much z - f(z) changes with z; nil unless the rule needs it.
  private var gauge: SlopeGauge?
  /// The results of samples that have left the solve.
  private var departed: [Part] = []
  /// Whether settled samples leave the solve; they do as long as the map can be restricted.
  package var mayShrink: Bool
  /// Whether the best iterates are differentiated as images of themselves, by one more application.
  package var endsWithImages = false
  private let shape: Shape

  package var ledger: SolveLedger { map.ledger }
  package var isOver: Bool { ledger.isOver }

  package init(
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
    gauge = rule.tolerance.flatMap {
      $0.isOfDistance ? SlopeGauge(for: $0, isByProduct: solver.differentiatesMap) : nil
    }
  }

  /// Runs iterations until the rule ends the solve of every sample.
  package mutating func finish() throws {
    while !isOver { try advance() }
  }

  /// One iteration: evaluates the iterate, records it, and chooses the next one.
  ///
  /// - Throws: what the map throws; `CancellationError`.
  package mutating func advance() throws {
    let isFirst = ledger.iterations == 0
    var point = Iterate(z: z, image: try map.imageOfIterate(z), map: map)
    let improved = try ledger.record(point, slopes: gauge?.slopes(at: point))
    let found = endsWithImages && point.image.isRecorded ? point.image.withElements(of: z) : z
    if let improved {
      if !improved.isEmpty { best = best.replacing(improved, found.samples(improved)) }
    } else {
      best = found
    }
    // If the start itself is returned, its gradient still goes through one application.
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

  /// The point in the rows that are not settled; the whole point if the map cannot be restricted to
  /// them.
  private mutating func withoutSettledRows(_ point: Iterate) throws -> Iterate {
    guard mayShrink, ledger.openCount < map.samples.count else { return point }
    let (open, settled) = ledger.rows(of: map.samples)
    guard let smaller = try map.restricted(to: open) else {
      mayShrink = false
      return point
    }
    departed.append(part(settled))
    (map, history, best) = (smaller, history.samples(open), best.samples(open))
    gauge = gauge?.samples(open)
    return point.rows(open, map: smaller)
  }

  /// The result, with the samples in the order of the batch.
  package var solution: Solution<Tensor> {
    let parts = departed + [part(nil)]
    return Solution(
      value: (rule.tolerance == nil ? z : parts.inPlace(shape[0])).reshaped(shape),
      report: ledger.report, inverse: parts.joinedInverse)
  }

  private func part(_ rows: [Int]?) -> Part {
    let inverse = solver.inverse(from: history)
    guard let rows else { return Part(positions: map.samples, best: best, inverse: inverse) }
    return Part(
      positions: rows.map { map.samples[$0] }, best: best.samples(rows),
      inverse: inverse?.samples(rows))
  }

  /// All tensors on which later iterates depend.
  package var tensors: [Tensor] { [z] + history.tensors }

  /// The same run with its tensors exchanged, one by one, for others of the same values.
  ///
  /// `exchange` gets a tensor and the rows to which it belongs, nil for all rows.
  package func replacingTensors(_ exchange: (Tensor, [Int]?) -> Tensor) -> SolveRun {
    var copy = self
    copy.z = exchange(z, nil)
    copy.history = history.replacingTensorsOfSamples(exchange)
    return copy
  }

  /// The same run with a ledger of its own.
  package func replica() -> SolveRun {
    var copy = self
    copy.map = map.writing(to: ledger.copy())
    return copy
  }
}

/// The results of some samples.
private struct Part {
  let positions: [Int]
  let best: Tensor
  let inverse: (any InverseJacobian)?
}

extension [Part] {
  /// The best iterates of the whole batch.
  fileprivate func inPlace(_ batch: Int) -> Tensor {
    guard count > 1 else { return self[0].best }
    var rows = Swift.Array(repeating: 0, count: batch)
    for (row, sample) in flatMap(\.positions).enumerated() { rows[sample] = row }
    return Tensor.concatenated(map(\.best)).samples(rows)
  }

  /// The inverse of the whole batch; nil if the solver has built none.
  fileprivate var joinedInverse: (any InverseJacobian)? {
    func join<Inverse: InverseJacobian>(like first: Inverse) -> any InverseJacobian {
      Inverse.joining(
        map { part in
          guard let inverse = part.inverse as? Inverse else {
            callerMistake("a solver's history has \(Inverse.self) for some samples only")
          }
          return (part.positions, inverse)
        })
    }
    return self[0].inverse.map { count > 1 ? join(like: $0) : $0 }
  }
}
