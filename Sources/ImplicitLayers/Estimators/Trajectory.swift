import Tensors

/// A solver's memory whose tensors can be seen and exchanged, so that checkpoints can hold it.
///
/// Needed only where unrolling keeps checkpoints or truncates samples at different steps. A
/// history of type Void, or one that holds no tensors and says so with an empty list, is fine.
public protocol TensorHistory {
  /// Every tensor of the history that is differentiated, in an order of its own; setting exchanges
  /// them one by one for others of the same values, which may be recorded differently.
  var tensors: [Tensor] { get set }
}

/// The iterates of a solve, one after the other.
struct Trajectory<Solver: ForwardSolver> {
  private let map: FixedPointMap
  private let rule: StoppingRule
  private let solver: Solver
  /// The evaluations of each sample so far: a solver may look at what is left of them.
  private var evaluations: [Int]
  private var history: Solver.History
  /// The current iterate.
  private(set) var z: Tensor

  init(
    of map: FixedPointMap, from initial: Tensor, using solver: Solver, until rule: StoppingRule
  ) {
    (self.map, self.rule) = (map, rule)
    evaluations = Array(repeating: 0, count: initial.shape[0])
    self.solver = solver
    history = solver.makeHistory()
    z = initial
  }

  /// Goes on to the next iterate.
  mutating func advance() throws {
    let context = SolveContext(map, batch: evaluations.count, until: rule)
    context.counts.ofSamples = evaluations
    z = try solver.next(after: z, image: context.image(of: z), in: context, &history)
    evaluations = context.counts.ofSamples
  }

  /// All tensors on which later iterates depend: z and those of the history.
  var tensors: [Tensor] {
    get { [z] + historyTensors }
    set {
      z = newValue[0]
      guard newValue.count > 1, var seen = history as? any TensorHistory else { return }
      seen.tensors = Array(newValue.dropFirst())
      if let exchanged = seen as? Solver.History { history = exchanged }
    }
  }

  private var historyTensors: [Tensor] {
    if history is Void { return [] }
    guard let seen = history as? any TensorHistory else {
      callerMistake(
        "unrolling \(Solver.self) with checkpoints, or truncated at different steps in different "
          + "samples, has to exchange the tensors of its \(Solver.History.self); make that type "
          + "conform to TensorHistory, or unroll every step")
    }
    return seen.tensors
  }

  /// Which iterate of each sample a solve has returned.
  ///
  /// The solve is deterministic, so the returned iterate turns up again, bit by bit. The first
  /// match counts: a later equal one cannot have had a smaller residual.
  ///
  /// - Parameter found: what the solve returned.
  /// - Returns: per sample, how many steps the returned iterate is away from the first.
  /// - Throws: what the map throws.
  func positions(in found: Solution) throws -> [Int] {
    let evaluations = found.report.evaluations
    let batch = found.value.shape[0]
    if rule.tolerance == nil { return Array(repeating: rule.limit, count: batch) }
    var trajectory = self
    var positions = [Int?](repeating: nil, count: batch)
    for step in 0..<evaluations {
      let distances = (trajectory.z - found.value).normsOfSamples
      for sample in 0..<batch where positions[sample] == nil && distances[sample] == 0 {
        positions[sample] = step
      }
      if !positions.contains(nil) || step == evaluations - 1 { break }
      try trajectory.advance()
    }
    // What is not finite from the start turns up nowhere: it stays where it was.
    return positions.map { $0 ?? 0 }
  }
}

/// Which steps of which samples are differentiated.
struct UnrolledWindow {
  /// Per sample, the iterate at which its gradient stops and the one that it returns.
  private let starts: [Int]
  private let ends: [Int]
  /// The first iterate of the window and the last.
  let first: Int
  let last: Int

  init(ends: [Int], lastSteps: Int?) {
    self.ends = ends
    starts = ends.map { end in lastSteps.map { max(end - $0, 0) } ?? 0 }
    first = starts.min() ?? 0
    last = ends.max() ?? 0
  }

  /// Runs through iterates, collecting those that are returned.
  func run<Solver>(
    _ range: Range<Int>, _ trajectory: inout Trajectory<Solver>, _ result: inout Tensor
  ) throws {
    for step in range {
      let isStart = starts.map { $0 == step }
      if step > first, isStart.contains(true) {
        trajectory.tensors = trajectory.tensors.map {
          $0.replacingSamples(isStart, with: $0.detached())
        }
      }
      result = result.replacingSamples(ends.map { $0 == step }, with: trajectory.z)
      if step < last { try trajectory.advance() }
    }
  }

  /// The same, of which the tape keeps only where it ends.
  func runWithoutKeeping<Solver>(
    _ range: Range<Int>, _ trajectory: inout Trajectory<Solver>, _ result: inout Tensor
  ) throws {
    let (before, resultBefore) = (trajectory, result)
    // Before the first sample ends there is no result to carry along.
    let hasResult = ends.contains { $0 < range.upperBound }
    // The first run hands over how far the history has come; on the way back nobody asks.
    var reached: Trajectory<Solver>? = trajectory
    let tensors = try recomputed(before.tensors + (hasResult ? [result] : [])) { tensors in
      var trajectory = before
      var result = hasResult ? tensors[tensors.count - 1] : resultBefore
      trajectory.tensors = hasResult ? tensors.dropLast() : tensors
      try run(range, &trajectory, &result)
      if reached != nil { reached = trajectory }
      return trajectory.tensors + (hasResult ? [result] : [])
    }
    if let end = reached { trajectory = end }
    reached = nil
    trajectory.tensors = hasResult ? tensors.dropLast() : tensors
    if hasResult { result = tensors[tensors.count - 1] }
  }
}
