/// Where the time of a process's steps went.
///
/// The first step is left out, because it still takes memory from the system.
struct StepTimes {
  private var count = -1
  private var sum = Trainer.Times()

  /// Records a step.
  mutating func add(_ times: Trainer.Times) {
    count += 1
    guard count > 0 else { return }
    sum.step += times.step
    sum.waited += times.waited
    sum.decoding += times.decoding
  }

  /// Of a mean step: its duration, the time that it waited for images, and the processor time of
  /// decoding meanwhile.
  ///
  /// Nil before the second step.
  var summary: String? {
    guard count > 0, sum.step > 0 else { return nil }
    let (share, steps) = (100 * sum.waited / sum.step, Double(count))
    return "a step took \((1000 * sum.step / steps).short) ms: "
      + "\(String(format: "%.1f", share)) % of it waiting for images, which took "
      + "\(String(format: "%.1f", 1000 * sum.decoding / steps)) ms of processor time to decode"
  }
}
