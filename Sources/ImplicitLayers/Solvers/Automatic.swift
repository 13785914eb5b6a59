import Tensors

/// The cheapest method that makes progress, sample by sample: Picard, then Anderson, then Broyden,
/// then Newton-Krylov.
///
/// ```swift
/// let solution = try Automatic().solve(map, from: z0, until: rule)
/// solution.report.samples[0].remarks   // ["evaluation 4: Picard -> Anderson: ..."]
/// ```
/// A sample starts with plain iteration and is handed on when its method is too slow for it; the
/// report says when and why. The decision rests on the sample's own residuals, so it is the same
/// whatever else is in the batch. Samples that are handed on together form a group with a history
/// of its own, which starts from the best point of each: a method that led astray leaves no trace.
public struct Automatic: ForwardSolver {
  /// The second method; default depth 10, since it gets only what Picard cannot do.
  public let anderson: Anderson
  /// The third method.
  public let broyden: Broyden
  /// The last method.
  public let newtonKrylov: NewtonKrylov

  /// An escalating solver made of the given ones.
  public init(
    anderson: Anderson = Anderson(depth: 10), broyden: Broyden = Broyden(),
    newtonKrylov: NewtonKrylov = NewtonKrylov()
  ) {
    self.anderson = anderson
    self.broyden = broyden
    self.newtonKrylov = newtonKrylov
  }

  /// The groups of samples and what they are solved with.
  public struct History: Sendable {
    fileprivate var groups: [Group]?
    /// The best point of each sample.
    fileprivate var safeguard = Safeguard(growth: .infinity)
  }

  fileprivate enum Method: Sendable {
    case picard
    case anderson(Anderson.History)
    case broyden(Broyden.History)
    case newtonKrylov(NewtonKrylov.History)

    var name: String {
      switch self {
      case .picard: "Picard"
      case .anderson: "Anderson"
      case .broyden: "Broyden"
      case .newtonKrylov: "Newton-Krylov"
      }
    }
  }

  fileprivate struct Group: Sendable {
    var rows: [Int]
    var method: Method
    var progress: [MethodProgress]
    /// Whether the method has yet to begin.
    var isFresh = true
  }

  /// All samples with Picard.
  public func makeHistory() -> History { History() }

  /// Plain iteration: the methods that follow it need the report to explain them.
  public func next(after z: Tensor, image fz: Tensor, _ history: inout History) -> Tensor { fz }

  /// The next iterate of every group, after samples have moved on to their next method.
  public func next(
    after z: Tensor, image fz: Tensor, in context: SolveContext, _ history: inout History
  ) throws -> Tensor {
    let residual = context.residual(at: z, image: fz)
    let norms = residual.norms
    _ = history.safeguard.start(z, residual: residual.value, norms: norms)
    let best = history.safeguard.best.map { ($0.z, $0.z + $0.residual) } ?? (z, fz)
    var groups =
      history.groups
      ?? [
        Group(
          rows: Array(norms.indices), method: .picard,
          progress: Array(repeating: MethodProgress(), count: norms.count), isFresh: false)
      ]
    // The groups' memories are overwritten in place, which needs them to be held once.
    history.groups = nil
    groups = groups.flatMap { escalated($0, norms, in: context) }
      .compactMap { members($0) { !context.isSettled(row: $0) } }
    var result: Tensor?
    for index in groups.indices {
      let rows = groups[index].rows
      let isAll = rows.count == norms.count
      let some = isAll ? context : try context.context(ofRows: rows, around: z)
      let (start, image) = groups[index].isFresh ? best : (z, fz)
      groups[index].isFresh = false
      let next = try step(
        &groups[index].method, isAll ? start : start.samples(rows),
        isAll ? image : image.samples(rows), some)
      result = isAll ? next : (result ?? fz).replacing(rows, next)
    }
    history.groups = groups
    return result ?? fz
  }

  private func step(
    _ method: inout Method, _ z: Tensor, _ fz: Tensor, _ context: SolveContext
  ) throws -> Tensor {
    switch method {
    case .picard: return fz
    case .anderson(var history):
      method = .picard
      defer { method = .anderson(history) }
      return try anderson.next(after: z, image: fz, in: context, &history)
    case .broyden(var history):
      method = .picard
      defer { method = .broyden(history) }
      return broyden.next(after: z, image: fz, in: context, &history)
    case .newtonKrylov(var history):
      method = .picard
      defer { method = .newtonKrylov(history) }
      return try newtonKrylov.next(after: z, image: fz, in: context, &history)
    }
  }

  /// The group without the samples that move on, and the group of those.
  private func escalated(
    _ group: Group, _ norms: [Double], in context: SolveContext
  ) -> [Group] {
    var group = group
    var leaving: [Int] = []
    for (position, row) in group.rows.enumerated() where !context.isSettled(row: row) {
      let reason: String? =
        switch group.method {
        case .picard: group.progress[position].slowness(norms[row], over: 3, factor: 0.125)
        case .anderson: group.progress[position].slowness(norms[row], over: 15, factor: 0.5)
        case .broyden: group.progress[position].slowness(norms[row], over: 20, factor: 0.5)
        case .newtonKrylov: nil
        }
      guard let reason else { continue }
      leaving.append(position)
      context.note(
        "\(group.method.name) -> \(successor(of: group.method).name): \(reason)", row: row)
    }
    guard !leaving.isEmpty else { return [group] }
    let moved = Group(
      rows: leaving.map { group.rows[$0] }, method: successor(of: group.method),
      progress: Array(repeating: MethodProgress(), count: leaving.count))
    let gone = Set(leaving)
    let staying = group.rows.indices.filter { !gone.contains($0) }
    return staying.isEmpty ? [moved] : [part(group, staying), moved]
  }

  private func successor(of method: Method) -> Method {
    switch method {
    case .picard: .anderson(anderson.makeHistory())
    case .anderson: .broyden(broyden.makeHistory())
    case .broyden, .newtonKrylov: .newtonKrylov(newtonKrylov.makeHistory())
    }
  }

  /// The group without those members whose rows do not count; nil if none is left.
  private func members(_ group: Group, where counts: (Int) -> Bool) -> Group? {
    let kept = group.rows.indices.filter { counts(group.rows[$0]) }
    if kept.isEmpty { return nil }
    return kept.count == group.rows.count ? group : part(group, kept)
  }

  /// The group of some of its members.
  private func part(_ group: Group, _ members: [Int]) -> Group {
    let method: Method =
      switch group.method {
      case .picard: .picard
      case .anderson(let history):
        .anderson(anderson.history(history, ofSamples: members) ?? anderson.makeHistory())
      case .broyden(let history):
        .broyden(broyden.history(history, ofSamples: members) ?? broyden.makeHistory())
      case .newtonKrylov(let history):
        .newtonKrylov(
          newtonKrylov.history(history, ofSamples: members) ?? newtonKrylov.makeHistory())
      }
    return Group(
      rows: members.map { group.rows[$0] }, method: method,
      progress: members.map { group.progress[$0] }, isFresh: group.isFresh)
  }

  /// The groups of some samples.
  public func history(_ history: History, ofSamples positions: [Int]) -> History? {
    guard let groups = history.groups else { return history }
    var place: [Int: Int] = [:]
    for (row, position) in positions.enumerated() { place[position] = row }
    return History(
      groups: groups.compactMap { group in
        guard var smaller = members(group, where: { place[$0] != nil }) else { return nil }
        smaller.rows = smaller.rows.compactMap { place[$0] }
        return smaller
      }, safeguard: history.safeguard.samples(positions))
  }

  /// As many as the last method's.
  public var toleratedFailures: Int { newtonKrylov.toleratedFailures }
}

extension ForwardSolver where Self == Automatic {
  /// Picard, Anderson, Broyden, Newton-Krylov: the first that makes progress, sample by sample.
  public static var automatic: Automatic { Automatic() }
}

extension Automatic.Method {
  fileprivate var tensors: [Tensor] {
    get {
      switch self {
      case .picard: []
      case .anderson(let history): history.tensors
      case .broyden(let history): history.tensors
      case .newtonKrylov(let history): history.tensors
      }
    }
    set {
      switch self {
      case .picard, .newtonKrylov: break
      case .anderson(var history):
        history.tensors = newValue
        self = .anderson(history)
      case .broyden(var history):
        history.tensors = newValue
        self = .broyden(history)
      }
    }
  }
}

extension Automatic.History: TensorHistory {
  /// The best points, and those of every group, one group after the other.
  public var tensors: [Tensor] {
    get { safeguard.tensors + (groups ?? []).flatMap(\.method.tensors) }
    set {
      let count = safeguard.tensors.count
      safeguard.tensors = Array(newValue.prefix(count))
      var rest = newValue.dropFirst(count)
      for index in (groups ?? []).indices {
        guard let count = groups?[index].method.tensors.count else { continue }
        groups?[index].method.tensors = Array(rest.prefix(count))
        rest = rest.dropFirst(count)
      }
    }
  }
}
