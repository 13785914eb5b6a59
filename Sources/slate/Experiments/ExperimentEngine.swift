import FileReading
import Foundation
import Tensors
import Training

/// Makes the runs of an experiment that are not finished yet, several at a time.
///
/// Each run is a process that trains, followed by others that measure. All of them are ordinary
/// commands of this program, and the folder of a run is like any other run's. A run that fails is
/// recorded, and does not stop the others. When the same plan is given again, finished runs are
/// skipped, interrupted ones continue, and failed ones are tried again from their last checkpoint.
struct ExperimentEngine {
  private let plan: ExperimentPlan
  private let parallel: Int
  private let workers: Int
  private let signal = StopSignal()
  private var display: ExperimentDisplay

  /// A run whose process is running.
  private struct Active {
    let run: ExperimentPlan.Run
    let process: ChildProcess
    /// The file to which the process's output is written; nil for a process that trains.
    let result: URL?
  }

  /// An engine for a plan.
  ///
  /// - Parameters:
  ///   - plan: the runs.
  ///   - parallel: the number of runs at a time; nil for the number of processors, or of runs if
  ///     that is smaller. The processors are always divided evenly, even if some runs are finished,
  ///     because the division of a batch determines the last bits of its gradient.
  init(_ plan: ExperimentPlan, parallel: Int?) {
    self.plan = plan
    let processors = Workers.count
    self.parallel = parallel ?? min(processors, plan.runs.count)
    workers = max(1, processors / self.parallel)
    display = ExperimentDisplay(plan)
  }

  /// The division of the processors among the runs.
  var division: String {
    if case .passes = plan.experiment.work { return "one after the other, so that they are alone" }
    return "\(parallel) \(parallel == 1 ? "run" : "runs") at a time, \(workers) "
      + "\(workers == 1 ? "worker" : "workers") each"
  }

  /// The number of runs at a time.
  var runsAtATime: Int { parallel }

  /// Makes the runs.
  ///
  /// - Returns: whether all runs are finished or have failed; false if a signal asked to stop.
  /// - Throws: `RunError` for a fault that concerns all runs, such as a folder that cannot be
  ///   written.
  mutating func run() throws -> Bool {
    var waiting = plan.runs.filter { !plan.isFinished($0) }[...]
    display.begin(waiting: Array(waiting))
    if case .passes = plan.experiment.work { return try measurePasses(of: waiting) }
    var active: [Active] = []
    while !waiting.isEmpty || !active.isEmpty {
      if signal.isReceived {
        waiting = []
        for entry in active { entry.process.askToEnd() }
      }
      while active.count < parallel, let run = waiting.first, !isHeldByAnother(run) {
        waiting.removeFirst()
        active.append(try begin(run))
      }
      var going: [Active] = []
      for entry in active {
        if entry.process.isRunning {
          going.append(entry)
        } else if let next = try ended(entry) {
          going.append(next)
        }
      }
      active = going
      display.show(active: active.map(\.run))
      usleep(50_000)
    }
    display.finish()
    return !signal.isReceived
  }

  /// Whether a process that an earlier command started, before it was killed, is still running and
  /// has to save.
  private mutating func isHeldByAnother(_ run: ExperimentPlan.Run) -> Bool {
    guard let holder = HeldRun.otherHolder(of: run.folder) else { return false }
    display.waits(for: run, "\(holder) is still writing to it")
    return true
  }

  private func begin(_ run: ExperimentPlan.Run) throws -> Active {
    try makeFolder(run)
    try? FileManager.default.removeItem(at: run.failure)
    return Active(
      run: run, process: try ChildProcess(plan.trainingArguments(run, workers: workers)),
      result: nil)
  }

  private func makeFolder(_ run: ExperimentPlan.Run) throws {
    do {
      try FileManager.default.createDirectory(
        at: run.folder.url, withIntermediateDirectories: true)
    } catch {
      throw RunError(
        path: run.folder.url.relativePath,
        reason: "the folder cannot be made (\(error.systemReason))",
        remedy: "free some space or check the permissions, then give the command again")
    }
    if !run.folder.holdsRun {
      try run.folder.write(run.configuration.json(), to: run.folder.configuration)
    }
  }

  /// The next process of a run; nil if the run is finished, has failed or was interrupted.
  private mutating func ended(_ entry: Active) throws -> Active? {
    let (run, process) = (entry.run, entry.process)
    // If the process was asked to end, an unfinished run is no failure.
    if signal.isReceived { return nil }
    guard process.hasSucceeded else { return try failed(run, process.failure) }
    if let result = entry.result {
      try run.folder.write(String(decoding: process.output, as: UTF8.self), to: result)
    } else if let step = lastStep(of: run.folder), step < run.configuration.steps {
      return try failed(run, "somebody stopped it after step \(step)")
    }
    for iterations in [nil] + plan.experiment.testIterations(run.arm).map(Optional.some) {
      let result = run.scores(iterations: iterations)
      guard !FileManager.default.fileExists(atPath: result.path) else { continue }
      let words = plan.scoringArguments(run, iterations: iterations)
      return Active(run: run, process: try ChildProcess(words), result: result)
    }
    display.finished(run, try? RunMeasurements(of: run, in: plan))
    return nil
  }

  private mutating func failed(_ run: ExperimentPlan.Run, _ reason: String) throws -> Active? {
    display.failed(run, reason)
    try run.folder.write(reason + "\n", to: run.failure)
    return nil
  }

  /// Times the passes in this process, one after the other, because runs at the same time would
  /// disturb them.
  private mutating func measurePasses(of runs: ArraySlice<ExperimentPlan.Run>) throws -> Bool {
    for run in runs {
      if signal.isReceived { break }
      try makeFolder(run)
      let cost = try PassCostMeasurement(run).values
      try run.folder.write(snakeCaseJSON(cost), to: run.cost)
      display.finished(run, nil)
    }
    display.finish()
    return !signal.isReceived
  }
}

/// The last step in a run's metrics; nil before the first one.
///
/// Only the end of the file is read, because the function is called often.
func lastStep(of folder: RunFolder) -> Int? {
  guard let file = try? RegularFile(folder.metrics.path),
    let end = try? file.bytes(max(0, file.size - 4096)..<file.size)
  else { return nil }
  let text = String(decoding: end, as: UTF8.self)
  // The last line may not be completely written yet.
  return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().reversed()
    .lazy.compactMap { $0.firstMatch(of: /^\{"step": (\d+),/).flatMap { Int($0.output.1) } }
    .first { $0 <= RunConfiguration.largestCount }
}
