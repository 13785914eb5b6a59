import Tensors

/// Which samples are with which method, and which methods wait: the history of `Automatic`.
public struct Escalation: PerSample {
  private let methods: [any ForwardSolver]
  private var active: [MethodGroup] = []
  private var waiting: [MethodGroup] = []
  /// The first and the best point of each row.
  private var first: Tensor?
  private var firstResidual: Tensor?
  private var best: Tensor?
  private var bestResidual: Tensor?
  private var bestNorms: [Double] = []
  /// Per row, the first method that has not been tried, and those that failed from the best point.
  private var untried: [Int] = []
  private var retries: [[Int]] = []

  init(_ methods: [any ForwardSolver]) { self.methods = methods }

  /// Points and notes of the rows; groups are restricted, or seen, member by member.
  public mutating func visit(_ visitor: inout some SampleVisitor) {
    visitor.visit(&first)
    visitor.visit(&firstResidual)
    visitor.visit(&best)
    visitor.visit(&bestResidual)
    visitor.visit(&untried)
    visitor.visit(&retries)
    let former = Array(bestNorms.indices)
    var rows = former
    visitor.visit(&bestNorms)
    visitor.visit(&rows)
    if rows == former {
      for index in active.indices { active[index].visitTensors(&visitor) }
      for index in waiting.indices { waiting[index].visitTensors(&visitor) }
    } else {
      let place = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
      active = active.compactMap { $0.moved(to: place) }
      waiting = waiting.compactMap { $0.moved(to: place) }
    }
  }

  /// The next iterate of every row.
  mutating func next(after point: Iterate) throws -> Tensor {
    remember(point)
    drop(settledIn: point)
    var moves: [(row: Int, failure: Outcome?, reason: String, from: MethodGroup)] = []
    for index in active.indices {
      for (row, failure, reason) in active[index].leaving(point) where !isToStay(row, point) {
        moves.append((row, failure, reason, active[index]))
      }
    }
    if !moves.isEmpty {
      try suspend(moves.filter { $0.failure == nil }.map(\.row), point)
      let gone = Set(moves.map(\.row))
      active = active.compactMap { group in group.members { !gone.contains($0) } }
      for move in moves { hand(on: move.row, move.failure, move.reason, from: move.from, point) }
    }
    var result = point.image
    for index in active.indices {
      let next = try step(&active[index], point)
      let rows = active[index].rows
      result = rows.count == point.norms.count ? next : result.replacing(rows, next)
    }
    return result
  }

  /// Whether a row is where its last iterate should be: further methods would only lead away.
  private func isToStay(_ row: Int, _ point: Iterate) -> Bool {
    point.map.endsWithLast && bestNorms[row] <= point.noise[row]
  }

  private func step(_ group: inout MethodGroup, _ point: Iterate) throws -> Tensor {
    if let resumed = group.resumed {
      group.resumed = nil
      return resumed
    }
    defer { group.isFresh = false }
    return try group.method.next(after: members(of: group, point))
  }

  /// The point that the members of a group go on from.
  private func members(of group: MethodGroup, _ point: Iterate) throws -> Iterate {
    let isAll = group.rows.count == point.norms.count
    let map = isAll ? point.map : try point.map.ofRows(group.rows, around: point.z)
    let (z, residual) = group.origin == .best ? (best, bestResidual) : (first, firstResidual)
    guard group.isFresh, let z, let residual else {
      return isAll ? point : point.rows(group.rows, map: map)
    }
    let everywhere = Array(repeating: true, count: group.rows.count)
    let start = Iterate(
      z: z.samples(group.rows), image: z.samples(group.rows), map: map)
    return start.replaced(everywhere, z: start.z, residual: residual.samples(group.rows))
  }

  private mutating func remember(_ point: Iterate) {
    guard let best, let bestResidual else {
      (first, firstResidual) = (point.z, point.residual)
      (self.best, self.bestResidual, bestNorms) = (point.z, point.residual, point.norms)
      untried = point.norms.map { _ in 1 }
      retries = point.norms.map { _ in [] }
      active = [
        MethodGroup(
          rows: Array(point.norms.indices), index: 0, method: methods[0], at: .first, isFresh: false
        )
      ]
      return
    }
    let isBetter = zip(point.norms, bestNorms).map { $0 < $1 || (!$1.isFinite && $0.isFinite) }
    guard isBetter.contains(true) else { return }
    self.best = best.replacingSamples(isBetter, with: point.z)
    self.bestResidual = bestResidual.replacingSamples(isBetter, with: point.residual)
    bestNorms = zip(isBetter, zip(point.norms, bestNorms)).map { $0 ? $1.0 : $1.1 }
  }

  private mutating func drop(settledIn point: Iterate) {
    let isOpen = { (row: Int) in !point.map.isSettled(row: row) }
    active = active.compactMap { $0.members(where: isOpen) }
    waiting = waiting.compactMap { $0.members(where: isOpen) }
  }

  /// Puts the members at some rows aside as they stand, each with its next iterate.
  private mutating func suspend(_ rows: [Int], _ point: Iterate) throws {
    let leaving = Set(rows)
    for group in active {
      guard var part = group.members(where: leaving.contains) else { continue }
      part.resumed = try step(&part, point)
      waiting.append(part)
    }
  }

  /// Gives a row to its next method: the first untried one, else the one whose turn it is of those
  /// that wait and those that may start again.
  private mutating func hand(
    on row: Int, _ failure: Outcome?, _ reason: String, from group: MethodGroup, _ point: Iterate
  ) {
    if failure != nil, group.origin == .best { retries[row].append(group.index) }
    let turn = waiting.indices.filter { waiting[$0].rows.contains(row) }
      .min { waiting[$0].turn < waiting[$1].turn }
    let name: String
    if untried[row] < methods.count {
      name = begin(untried[row], at: .best, row: row)
      untried[row] += 1
    } else if let retry = retries[row].min(), turn.map({ (1, retry) < waiting[$0].turn }) ?? true {
      retries[row].removeAll { $0 == retry }
      name = begin(retry, at: .first, row: row) + " from the first iterate"
    } else if let turn, var part = waiting[turn].members(where: { $0 == row }) {
      name = part.method.name + " again"
      part.goOn()
      active.append(part)
      let rest = waiting[turn].members { $0 != row }
      waiting.remove(at: turn)
      if let rest { waiting.append(rest) }
    } else {
      point.map.giveUp(row: row, as: failure ?? .stalled)
      return
    }
    point.map.note("\(group.method.name) -> \(name): \(reason)", row: row)
  }

  /// Starts a method for a row, together with the others that start it now.
  private mutating func begin(_ index: Int, at start: MethodGroup.Start, row: Int) -> String {
    let fresh = active.firstIndex { $0.index == index && $0.origin == start && $0.isFresh }
    let rows = (fresh.map { active.remove(at: $0).rows } ?? []) + [row]
    let group = MethodGroup(rows: rows.sorted(), index: index, method: methods[index], at: start)
    active.append(group)
    return group.method.name
  }
}

extension MethodGroup {
  /// The order in which waiting groups go on.
  fileprivate var turn: (Int, Int) { (round + 1, index) }

  fileprivate mutating func visitTensors(_ visitor: inout some SampleVisitor) {
    var members = visitor.ofSamples(rows)
    members.visit(&method)
    members.visit(&resumed)
  }

  /// The members that stay, at their new rows.
  fileprivate func moved(to place: [Int: Int]) -> MethodGroup? {
    guard var part = members(where: { place[$0] != nil }) else { return nil }
    part.rows = part.rows.map { place[$0, default: 0] }
    return part
  }
}
