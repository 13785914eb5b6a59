/// Notices, once, that the steps get far less processor time than their workers could use.
///
/// Workers spin while they wait for each other, so on an idle machine a step takes nearly its
/// duration times the number of workers in processor time. If it takes less than half of that,
/// other work occupies the processors.
struct BusyMachine {
  private var steps = 0
  private var used = 0.0
  private var available = 0.0
  private var isSaid = false

  /// The number of steps that are judged together, so that a short disturbance does not count.
  private static let window = 20
  /// Shorter steps are not judged, because handing out work dominates them.
  private static let shortest = 0.005

  /// Records a step.
  ///
  /// - Parameters:
  ///   - times: the durations of the step.
  ///   - threads: the number of workers that had a part of it.
  /// - Returns: a warning for the user, the first time that there is a reason for one.
  mutating func add(_ times: Trainer.Times, threads: Int) -> String? {
    guard !isSaid else { return nil }
    steps += 1
    used += times.processor
    available += (times.step - times.waited) * Double(threads)
    guard steps == BusyMachine.window else { return nil }
    defer { (steps, used, available) = (0, 0, 0) }
    let duration = available / Double(threads * BusyMachine.window)
    guard duration >= BusyMachine.shortest, used < 0.5 * available else { return nil }
    isSaid = true
    return "a step lasts \((1000 * duration).short) ms, but its \(threads) "
      + "\(threads == 1 ? "worker" : "workers") got only \((100 * used / available).short) % of the "
      + "processor time in it: other work keeps the machine busy; stop it, or give fewer --workers"
  }
}
