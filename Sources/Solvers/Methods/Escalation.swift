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
    visitor.visit(&kept)
    visitor.visit(&starts)
    visitor.visit(&untried)
    visitor.visit(&retries)
    groups.removeAll { Set($0.rows).isDisjoint(with: kept) }
    for index in groups.indices {
      var members = visitor.ofSamples(groups[index].rows)
      groups[index].visit(&members)
      groups[index].rows = groups[index].rows.compactMap { kept.firstIndex(of: $0) }
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

  /// Hands on the rows whose methods have failed, or were too slow: these are set aside as they
  /// stand, each with its next iterate.
  private mutating func move(_ point: Iterate) throws {
    // Within rounding of a solution, if the last iterate is the result, a method would only lead away.
    let mayStay = point.map.rule.tolerance == nil
    var moves: [(leave: MethodGroup.Leave, from: MethodGroup)] = []
    for index in groups.indices where !groups[index].isWaiting {
      for leave in groups[index].leaving(point) {
        if mayStay, let starts, starts.bestNorms[leave.row] <= point.noise[leave.row] { continue }
        moves.append((leave, groups[index]))
      }
    }
    let slow = Set(moves.filter { $0.leave.failure == nil }.map(\.leave.row))
    let gone = Set(moves.map(\.leave.row))
    for group in groups where !group.isWaiting {
      guard var aside = group.members(where: slow.contains) else { continue }
      let next = try step(&aside, point)
      groups.append(aside.waiting(with: next))
    }
    groups = groups.compactMap { group in
      group.isWaiting ? group : group.members { !gone.contains($0) }
    }
    for move in moves { hand(on: move.leave, from: move.from, point) }
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

  /// Gives a row to its next method: the first untried one, else the one whose turn it is of those
  /// that wait and those that may start again.
  private mutating func hand(
    on leave: MethodGroup.Leave, from group: MethodGroup, _ point: Iterate
  ) {
    let row = leave.row
    if leave.failure != nil, group.origin == .best { retries[row].append(group.index) }
    let turn = groups.indices.filter { groups[$0].isWaiting && groups[$0].rows.contains(row) }
      .min { groups[$0].turn < groups[$1].turn }
    let name: String
    if untried[row] < methods.count {
      let start = untried[row] == 1 ? .best : starts?.choice(for: row) ?? .best
      name = begin(untried[row], at: start, row: row)
      untried[row] += 1
    } else if let retry = retries[row].min(), turn.map({ (1, retry) < groups[$0].turn }) ?? true {
      retries[row].removeAll { $0 == retry }
      name = begin(retry, at: .first, row: row) + " from the first iterate"
    } else if let turn, let member = groups[turn].members(where: { $0 == row }) {
      name = member.name + " again"
      let rest = groups.remove(at: turn).members { $0 != row }
      groups += [member.goingOn()] + (rest.map { [$0] } ?? [])
    } else {
      point.map.giveUp(row: row, as: leave.failure ?? .stalled)
      return
    }
    point.map.note("\(group.name) -> \(name): \(leave.reason)", row: row)
  }

  /// Starts a method for a row, together with the others that start it now.
  private mutating func begin(_ index: Int, at start: StartingPoints.Choice, row: Int) -> String {
    let fresh = groups.firstIndex { $0.index == index && $0.origin == start && $0.isFresh }
    let rows = ((fresh.map { groups.remove(at: $0).rows } ?? []) + [row]).sorted()
    groups.append(MethodGroup(rows: rows, index: index, method: methods[index], at: start))
    return methods[index].name
  }
}
