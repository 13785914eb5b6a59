import Tensors

/// The part of a solve through which a truncated gradient goes, kept while the solve is running.
///
/// A gradient that enters a sample at its returned iterate e has to stop k steps earlier, at e - k.
/// Which iterate is returned is known only at the end. So every step begins with a gate
/// (`CotangentGate`), which asks in the backward pass whether a sample's gradient may pass. A gate
/// that no sample can need any more is closed, and the tape behind it is released.
struct TruncationWindow {
  private let lastSteps: Int?
  private var gates: [(step: Int, gate: CotangentGate)] = []

  init(lastSteps: Int?) { self.lastSteps = lastSteps }

  /// Takes one step of the run, behind a gate.
  mutating func advance<Solver>(_ run: inout SolveRun<Solver>) throws {
    let gate = CotangentGate()
    run = gated(run, gate, asking: run.ledger)
    gates.append((run.ledger.iterations, gate))
    try run.advance()
    closeGates(run.ledger)
  }

  /// Puts a gate before the next step of the run.
  ///
  /// - Parameters:
  ///   - run: the run, or a copy of it that repeats a segment.
  ///   - gate: the gate.
  ///   - ledger: the ledger of the original solve, which at the end knows the returned iterates.
  /// - Returns: the run with its tensors behind the gate.
  private func gated<Solver>(
    _ run: SolveRun<Solver>, _ gate: CotangentGate, asking ledger: SolveLedger
  ) -> SolveRun<Solver> {
    let step = run.ledger.iterations
    guard let lastSteps, step > 0 else { return run }
    return run.replacingTensors { tensor, rows in
      gate.gated(tensor) {
        let passes = ledger.returnedIterates.map { step > $0 - lastSteps }
        return rows.map { rows in rows.map { passes[$0] } } ?? passes
      }
    }
  }

  /// Closes the gates through which no gradient can pass any more, neither from the iterates that
  /// would be returned now nor from those that may still come.
  mutating func closeGates(_ ledger: SolveLedger) {
    guard let lastSteps else { return gates.removeAll() }
    let (ends, next) = (ledger.returnedIterates, ledger.iterations)
    gates.removeAll { step, gate in
      let isNeeded =
        (!ledger.isOver && step > next - lastSteps)
        || ends.contains { step > $0 - lastSteps && step <= $0 }
      if !isNeeded { gate.close() }
      return !isNeeded
    }
  }

  /// Takes some steps of which the tape keeps only the end.
  ///
  /// They are run once now, and once more in the backward pass, by a copy of the run: the same
  /// arithmetic on the same numbers makes the same decisions.
  mutating func advanceWithoutKeeping<Solver>(
    _ run: inout SolveRun<Solver>, steps: Int
  ) throws {
    let (ledger, first, former) = (run.ledger, run.ledger.iterations, run.best)
    let gate = CotangentGate()
    var start = gated(run, gate, asking: ledger)
    start.best = former.detached()
    gates.append((first, gate))
    let origin = start.replica()
    var reached: SolveRun<Solver>? = start
    let inner = TruncationWindow(lastSteps: lastSteps)
    let tensors = try recomputed(start.tensors) { tensors in
      var rest = tensors[...]
      var run = (reached ?? origin.replica()).replacingTensors { _, _ in
        rest.removeFirst()
      }
      for step in 0..<steps where !run.isOver {
        if step > 0 { run = inner.gated(run, CotangentGate(), asking: ledger) }
        try run.advance()
      }
      if reached != nil { reached = run }
      return run.tensors + [run.best]
    }
    guard let end = reached else { return }
    reached = nil
    var rest = tensors[...]
    run = end.replacingTensors { _, _ in rest.removeFirst() }
    // Samples whose best iterate is an older one keep their value.
    let isNew = ledger.bestIterates.map { $0 >= first }
    run.best = former.replacingSamples(isNew, with: tensors[tensors.count - 1])
    closeGates(ledger)
  }
}
