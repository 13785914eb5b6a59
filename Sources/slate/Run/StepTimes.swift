/// Where the time of the steps that a process took went.
///
/// The first step is left out: until it has run, memory is still being taken from the system.
struct StepTimes {
  private var count = -1
  private var sum = Trainer.Times()

  /// Takes note of a step.
  mutating func add(_ times: Trainer.Times) {
    count += 1
    guard count > 0 else { return }
    sum.step += times.step
    sum.waited += times.waited
    sum.decoding += times.decoding
  }

  /// The duration of a step, the part of it that no image was ready, and the processor time that
  /// decoding took meanwhile; nil before the second step.
  var summary: String? {
    guard count > 0, sum.step > 0 else { return nil }
    let (share, steps) = (100 * sum.waited / sum.step, Double(count))
    return "a step took \((1000 * sum.step / steps).short) ms: "
      + "\(String(format: "%.1f", share)) % of it waiting for images, which took "
      + "\(String(format: "%.1f", 1000 * sum.decoding / steps)) ms of processor time to decode"
  }
}
