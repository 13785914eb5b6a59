import Tensors

/// Samples that go on with one method together, and how each of them fares with it.
///
/// They began the method together and have waited together, so that they share its evaluations and
/// its history: there are as many groups as different courses, however many samples. Tensors and numbers are those of the members.
struct MethodGroup: PerSample {
  /// A member that leaves, and why: its method has failed, or is too slow.
  struct Leave {
    let row: Int
    /// Nil if the method is only too slow.
    let failure: Outcome?
    let reason: String
  }

  /// The rows of the members.
  var rows: [Int]
  /// The place of the method in the list, and where it began.
  let index: Int
  let origin: StartingPoints.Choice
  /// Whether the method is yet to take its first step.
  private(set) var isFresh: Bool
  /// The next iterate of a group that waits or goes on after waiting.
  private(set) var resumed: Tensor?
  /// Whether the members are with another method now, and how often they were before.
  private(set) var isWaiting = false
  private var round = 0
  private var method: any RunningMethod
  private var watches: [Watch]
  private var paces: [Pace]

  init(
    rows: [Int], index: Int, method: any ForwardSolver, at origin: StartingPoints.Choice,
    isFresh: Bool = true
  ) {
    (self.rows, self.index, self.origin, self.isFresh) = (rows, index, origin, isFresh)
    self.method = running(method)
    watches = rows.map { _ in Watch() }
    paces = rows.map { _ in Pace() }
  }

  mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&method)
    visitor.visit(&resumed)
    visitor.visit(&watches)
    visitor.visit(&paces)
    visitor.visit(&rows)
  }

  /// What the method is called.
  var name: String { method.name }
  /// The order in which waiting groups go on.
  var turn: (Int, Int) { (round + 1, index) }

  /// The group of those members whose rows satisfy the condition; nil if there are none.
  func members(where isMember: (Int) -> Bool) -> MethodGroup? {
    let kept = rows.indices.filter { isMember(rows[$0]) }
    return kept.count == rows.count ? self : kept.isEmpty ? nil : samples(kept)
  }

  /// The members' next iterate from the point that they are at.
  mutating func next(from start: () throws -> Iterate) throws -> Tensor {
    defer { (resumed, isFresh) = (nil, false) }
    return try resumed ?? method.next(after: start())
  }

  /// The same members, set aside as they stand.
  func waiting(with next: Tensor) -> MethodGroup {
    var group = self
    (group.isWaiting, group.resumed) = (true, next)
    return group
  }

  /// The same members, who go on with twice the time.
  func goingOn() -> MethodGroup {
    var group = self
    (group.isWaiting, group.round) = (false, round + 1)
    group.paces = paces.map { _ in Pace() }
    return group
  }

  /// The members that should leave.
  mutating func leaving(_ point: Iterate) -> [Leave] {
    rows.indices.compactMap { member in
      let row = rows[member]
      let failure = watches[member].judge(
        residual: point.norms[row], imageNorm: point.imageNorms[row],
        patience: point.map.rule.patience, tolerated: method.toleratedFailures)
      if let failure { return Leave(row: row, failure: failure, reason: "it is \(failure)") }
      let reason = paces[member].slowness(point.norms[row], of: index, round: round)
      return reason.map { Leave(row: row, failure: nil, reason: $0) }
    }
  }
}

/// A solver with its history.
private protocol RunningMethod: PerSample {
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
