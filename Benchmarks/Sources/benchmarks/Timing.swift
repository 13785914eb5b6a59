/// Wall-clock seconds of `body`.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let start = clock.now
  try body()
  let elapsed = clock.now - start
  return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
}

/// Seconds of one call of `body`, the mean over as many as take 20 ms.
///
/// Short work is so not timed from cold caches. The peers' rounds are timed in the same way.
func secondsOfARound(_ body: () throws -> Void) rethrows -> Double {
  var (calls, total) = (0.0, 0.0)
  while total < 0.02 {
    total += try seconds(body)
    calls += 1
  }
  return total / calls
}
