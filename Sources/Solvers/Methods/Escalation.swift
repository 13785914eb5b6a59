import Tensors

/// Which samples are with which method, and which methods wait: the history of `Automatic`.
public struct Escalation: PerSample {
  private let methods: [any ForwardSolver]
  private var groups: [MethodGroup] = []
  private var starts: StartingPoints?
  /// Per row, the first method that has not been tried, and those that failed from the best point.
  private var untried: [Int] = []
  private var retries: [[Int]] = []

  init(_ methods: [any ForwardSolver]) { self.methods = methods }

  /// Points and notes of the rows; groups are restricted, or seen, member by member.
  public mutating func visit(_ visitor: inout some SampleVisitor) {
    var kept = Array(untried.indices)
    var places = [Int?](repeating: nil, count: kept.count)
    visitor.visit(&kept)
    for (place, row) in kept.enumerated() { places[row] = place }
    visitor.visit(&starts)
    visitor.visit(&untried)
    visitor.visit(&retries)
    groups.removeAll { $0.rows.allSatisfy { places[$0] == nil } }
    for index in groups.indices {
      var members = visitor.ofSamples(groups[index].rows)
      groups[index].visit(&members)
      groups[index].rows = groups[index].rows.compactMap { places[$0] }
    }
  }

  /// The next iterate of every row.
  mutating func next(after point: Iterate) throws -> Tensor {
    if starts == nil {
      (starts, untried) = (StartingPoints(point), point.norms.map { _ in 1 })
      retries = point.norms.map { _ in [] }
      let rows = Array(point.norms.indices)
      groups = [MethodGroup(rows: rows, index: 0, method: methods[0], at: .first, isFresh: false)]
    }
    starts?.update(point)
    groups = groups.compactMap { $0.members { !point.map.isSettled(row: $0) } }
    try move(point)
    var result = point.image
    for index in groups.indices where !groups[index].isWaiting {
      let next = try step(&groups[index], point)
      let rows = groups[index].rows
      result = rows.count == point.norms.count ? next : result.replacing(rows, next)
    }
    return result
  }

  /// Moves the rows whose methods have failed, or were too slow: these are set aside as they stand,
  /// each with its next iterate.
  private mutating func move(_ point: Iterate) throws {
    // Within rounding of a solution, if the last iterate is the result, a method would only lead away.
    let noise = point.map.rule.tolerance == nil ? point.noise : nil
    var moves: [(leave: MethodGroup.Leave, name: String)] = []
    var (isSlow, isGone) = (untried.map { _ in false }, untried.map { _ in false })
    for index in groups.indices where !groups[index].isWaiting {
      for leave in groups[index].leaving(point) {
        let row = leave.row
        if let noise, let starts, starts.bestNorms[row] <= noise[row] { continue }
        moves.append((leave, groups[index].name))
        (isSlow[row], isGone[row]) = (leave.failure == nil, true)
        if leave.failure != nil, groups[index].origin == .best {
          retries[row].append(groups[index].index)
        }
      }
    }
    guard !moves.isEmpty else { return }
    for group in groups where !group.isWaiting {
      guard var aside = group.members(where: { isSlow[$0] }) else { continue }
      let next = try step(&aside, point)
      groups.append(aside.waiting(with: next))
    }
    groups = groups.compactMap { group in
      group.isWaiting ? group : group.members { !isGone[$0] }
    }
    let turn = groupsInTurn()
    var next = [Successor?](repeating: nil, count: isGone.count)
    for (leave, name) in moves {
      let row = leave.row
      next[row] = successor(of: row, waiting: turn[row])
      if let method = take(next[row], row: row) {
        point.map.note("\(name) -> \(method): \(leave.reason)", row: row)
      } else {
        point.map.giveUp(row: row, as: leave.failure ?? .stalled)
      }
    }
    regroup(next)
  }

  /// What a row goes on with.
  private enum Successor: Hashable {
    /// A method that it has not tried, or that failed from its best point and now starts from its first.
    case start(method: Int, StartingPoints.Choice)
    /// The group at this place, which waits.
    case waiting(group: Int)
  }

  /// Per row, the place of the group whose turn it is of those that wait with it.
  private func groupsInTurn() -> [Int?] {
    var turns = [Int?](repeating: nil, count: untried.count)
    for (place, group) in groups.enumerated() where group.isWaiting {
      for row in group.rows where turns[row].map({ group.turn < groups[$0].turn }) ?? true {
        turns[row] = place
      }
    }
    return turns
  }

  /// The first method that is untried, else the one whose turn it is of those that wait and those that
  /// may start again; nil if all have failed.
  private func successor(of row: Int, waiting turn: Int?) -> Successor? {
    if untried[row] < methods.count {
      let start = untried[row] == 1 ? .best : starts?.choice(for: row) ?? .best
      return .start(method: untried[row], start)
    }
    if let retry = retries[row].min(), turn.map({ (1, retry) < groups[$0].turn }) ?? true {
      return .start(method: retry, .first)
    }
    return turn.map { .waiting(group: $0) }
  }

  /// Notes that a row goes on with a method.
  ///
  /// - Returns: what the report calls it; nil if there is none.
  private mutating func take(_ successor: Successor?, row: Int) -> String? {
    switch successor {
    case .start(let method, _) where method == untried[row]:
      untried[row] += 1
      return methods[method].name
    case .start(let method, _):
      retries[row].removeAll { $0 == method }
      return methods[method].name + " from the first iterate"
    case .waiting(let group): return groups[group].name + " again"
    case nil: return nil
    }
  }

  /// Makes one group of all rows that go on with the same from here.
  private mutating func regroup(_ next: [Successor?]) {
    var places: [Successor: Int] = [:]
    var (successors, rows): ([Successor], [[Int]]) = ([], [])
    for (row, successor) in next.enumerated() {
      guard let successor else { continue }
      if let place = places[successor] {
        rows[place].append(row)
      } else {
        places[successor] = successors.count
        successors.append(successor)
        rows.append([row])
      }
    }
    let groups = groups
    self.groups = groups.enumerated().compactMap { place, group in
      places[.waiting(group: place)] == nil
        ? group : group.members { next[$0] != .waiting(group: place) }
    }
    for (successor, rows) in zip(successors, rows) {
      switch successor {
      case .start(let method, let origin):
        self.groups.append(
          MethodGroup(rows: rows, index: method, method: methods[method], at: origin))
      case .waiting(let place):
        let members = groups[place].members { next[$0] == successor }
        self.groups += members.map { [$0.goingOn()] } ?? []
      }
    }
  }

  /// The next iterate of a group: from the point, or, at first, from the one where it begins.
  private func step(_ group: inout MethodGroup, _ point: Iterate) throws -> Tensor {
    let (rows, isAll) = (group.rows, group.rows.count == point.norms.count)
    let start = group.isFresh ? starts?[group.origin].samples(rows) : nil
    return try group.next {
      let map = isAll ? point.map : try point.map.ofRows(rows, around: point.z)
      guard let start else { return isAll ? point : point.rows(rows, map: map) }
      return Iterate(start, map: map)
    }
  }
}
