import Foundation

/// The progress of a whole experiment on standard output: a bar that redraws itself on a terminal,
/// plain lines elsewhere.
struct ExperimentDisplay {
  private let plan: ExperimentPlan
  private let isTerminal = isatty(STDOUT_FILENO) != 0
  private var start = ContinuousClock.now
  private var lastDraw = ContinuousClock.now
  /// The number of runs that have ended, including those of earlier sessions.
  private var ended = 0
  /// The number of steps of those runs.
  private var stepsEnded = 0
  /// The number of steps that had been made when this session began.
  private var stepsBefore = 0
  private var percentSaid = 0
  /// The run that was last reported to wait.
  private var waiting: String?

  init(_ plan: ExperimentPlan) { self.plan = plan }

  /// Begins a session; `waiting` are the runs that are not finished.
  mutating func begin(waiting: [ExperimentPlan.Run]) {
    start = .now
    ended = plan.runs.count - waiting.count
    stepsEnded = plan.steps - waiting.reduce(0) { $0 + $1.configuration.steps }
    stepsBefore = stepsEnded + waiting.reduce(0) { $0 + (lastStep(of: $1.folder) ?? 0) }
    percentSaid = percent(stepsBefore)
  }

  /// Shows the progress of the running runs.
  mutating func show(active: [ExperimentPlan.Run]) {
    guard lastDraw.duration(to: .now) > .milliseconds(500) else { return }
    lastDraw = .now
    let steps =
      stepsEnded
      + active.reduce(0) { $0 + min(lastStep(of: $1.folder) ?? 0, $1.configuration.steps) }
    let text =
      "\(ended)/\(plan.runs.count) runs  \(steps)/\(plan.steps) steps  \(timeLeft(steps))"
    if isTerminal {
      Console.draw(text)
    } else if percent(steps) >= percentSaid + 5 {
      percentSaid = percent(steps)
      Console.tell(text)
    }
  }

  /// Reports that a run has ended with success.
  mutating func finished(_ run: ExperimentPlan.Run, _ measured: RunMeasurements?) {
    let entropy = measured?.values["val_cross_entropy"].map { ": cross-entropy \($0.short)" } ?? ""
    end(run, "\(run.name)\(entropy)")
  }

  /// Reports that a run has failed.
  mutating func failed(_ run: ExperimentPlan.Run, _ reason: String) {
    end(run, "\(run.name) failed: \(reason)")
  }

  private mutating func end(_ run: ExperimentPlan.Run, _ text: String) {
    ended += 1
    stepsEnded += run.configuration.steps
    Console.tell("[\(ended)/\(plan.runs.count)] \(text)")
  }

  /// Reports, once, what a run is waiting for.
  mutating func waits(for run: ExperimentPlan.Run, _ reason: String) {
    guard waiting != run.name else { return }
    waiting = run.name
    Console.tell("\(run.name) waits: \(reason)")
  }

  /// Removes the bar.
  func finish() {
    if isTerminal { Console.draw("") }
  }

  private func percent(_ steps: Int) -> Int { plan.steps == 0 ? 0 : 100 * steps / plan.steps }

  private func timeLeft(_ steps: Int) -> String {
    let made = steps - stepsBefore
    guard made > 0 else { return "" }
    let seconds = start.duration(to: .now) / .seconds(1)
    return "\(duration(seconds * Double(plan.steps - steps) / Double(made))) left"
  }
}
