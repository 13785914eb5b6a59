/// Notices, once, that steps get far less processor time than their workers could use.
///
/// Workers spin while they wait for each other, so on a machine of its own a step takes nearly as much
/// processor time as it lasts, times its workers. Where it takes less than half of that, other work has
/// the processors.
struct BusyMachine {
  private var steps = 0
  private var used = 0.0
  private var available = 0.0
  private var isSaid = false

  /// The steps that are judged together: a short disturbance is none.
  private static let window = 20
  /// Steps of less time are dominated by handing out work.
  private static let shortest = 0.005

  /// Takes note of a step.
  ///
  /// - Parameters:
  ///   - times: where its time went.
  ///   - threads: the workers that had a part of it.
  /// - Returns: what to tell the user, the first time that there is a reason.
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
