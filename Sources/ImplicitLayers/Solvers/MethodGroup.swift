import Tensors

/// Samples that go on with one method together, and how each of them fares with it.
struct MethodGroup {
  /// Where a method takes its first step from.
  enum Start { case best, first }

  /// The rows of the members.
  var rows: [Int]
  /// The place of the method in the list, and how often the members have been here before.
  let index: Int
  var round = 0
  var method: any RunningMethod
  /// Where the method began, and whether it is yet to take its first step.
  let origin: Start
  var isFresh: Bool
  /// The next iterate of a group that waits or goes on after waiting, [members, n].
  var resumed: Tensor?
  private var watches: [Watch]
  private var paces: [Pace]

  init(rows: [Int], index: Int, method: any ForwardSolver, at origin: Start, isFresh: Bool = true) {
    (self.rows, self.index, self.origin, self.isFresh) = (rows, index, origin, isFresh)
    self.method = running(method)
    watches = rows.map { _ in Watch() }
    paces = rows.map { _ in Pace() }
  }

  /// The group of some of its members; nil if there are none.
  func members(where isMember: (Int) -> Bool) -> MethodGroup? {
    let kept = rows.indices.filter { isMember(rows[$0]) }
    if kept.count == rows.count { return self }
    guard !kept.isEmpty else { return nil }
    var part = self
    part.rows = kept.map { rows[$0] }
    part.watches = kept.map { watches[$0] }
    part.paces = kept.map { paces[$0] }
    part.method = method.samples(kept)
    part.resumed = resumed?.samples(kept)
    return part
  }

  /// Lets the waiting members go on, with twice the time.
  mutating func goOn() {
    round += 1
    paces = paces.map { _ in Pace() }
  }

  /// Why the members at some rows should leave: they have failed, or are too slow.
  mutating func leaving(_ point: Iterate) -> [(row: Int, failure: Outcome?, reason: String)] {
    rows.indices.compactMap { member in
      let row = rows[member]
      let failure = watches[member].judge(
        residual: point.norms[row], imageNorm: point.imageNorms[row],
        patience: point.map.patience, tolerated: method.toleratedFailures)
      if let failure { return (row, failure, "it is \(failure)") }
      let reason = paces[member].slowness(point.norms[row], of: index, round: round)
      return reason.map { (row, nil, $0) }
    }
  }
}

/// How fast a sample's residual falls with its present method.
private struct Pace {
  private var steps = 0
  private var best = Double.infinity
  private var bestBefore = Double.infinity

  /// Why the method is too slow, if its best residual has not fallen enough over a stretch.
  ///
  /// The first method is cheap and has three evaluations for each eighth; the others have longer
  /// for each half, and every further round twice as long.
  mutating func slowness(_ residual: Double, of index: Int, round: Int) -> String? {
    let isBrief = index == 0 && round == 0
    let stretch = isBrief ? 3 : (10 + 5 * index) << min(round, 20)
    best = min(best, residual)
    defer { steps += 1 }
    if steps == 0 { bestBefore = best }
    guard steps > 0, steps % stretch == 0 else { return nil }
    if best < (isBrief ? 0.125 : 0.5) * bestBefore {
      bestBefore = best
      return nil
    }
    return "after \(steps + 1) evaluations the residual is \(residual), its best fell from "
      + "\(bestBefore) to \(best) in \(stretch) steps"
  }
}

/// A solver with its history.
protocol RunningMethod: PerSample {
  var name: String { get }
  var toleratedFailures: Int { get }
  mutating func next(after point: Iterate) throws -> Tensor
}

private struct Running<Solver: ForwardSolver>: RunningMethod {
  let solver: Solver
  var history: Solver.History
  var name: String { solver.name }
  var toleratedFailures: Int { solver.toleratedFailures }

  mutating func next(after point: Iterate) throws -> Tensor {
    try solver.next(after: point, &history)
  }

  mutating func visit(_ visitor: inout some SampleVisitor) { visitor.visit(&history) }
}

private func running(_ solver: some ForwardSolver) -> any RunningMethod {
  Running(solver: solver, history: solver.makeHistory())
}
