import Foundation
import Tensors

/// Threads that read examples ahead of the caller, in the order of an epoch and, if asked, of the
/// epochs after it.
///
/// The threads are at most `window` examples ahead. They continue beyond the end of an epoch, so
/// the caller does not wait for the first examples of the next one. If there is no thread, the
/// caller reads the examples. One condition guards the mutable state, which is why sharing the
/// pipeline with its threads is safe although the compiler cannot check it.
final class ReadingPipeline<Example: Sendable>: @unchecked Sendable {
  /// An example of the data set, or the error with which reading it failed.
  typealias Outcome = (index: Int, result: Result<Example, any Error>)

  /// A position in the order of an epoch.
  private struct Place: Hashable {
    var epoch: Int
    var position: Int
  }

  private let orderOf: @Sendable (_ epoch: Int) -> [Int]
  private let read: @Sendable (_ index: Int) throws -> Example
  private let goesOn: Bool
  private let window: Int
  private let condition = NSCondition()
  /// The orders of the epochs from which examples are being read or taken.
  private var orders: [Int: [Int]]
  private var outcomes: [Place: Result<Example, any Error>] = [:]
  /// The next place that a thread reads.
  private var claimed: Place
  /// The next place from which an example is taken.
  private var taken: Place
  /// The places that are being read or wait to be taken.
  private var ahead = 0
  private var isStopped = false
  private var readingSeconds = 0.0
  private var threads = 0

  init(
    epoch: Int, position: Int, goesOn: Bool, window: Int,
    orderOf: @escaping @Sendable (_ epoch: Int) -> [Int],
    read: @escaping @Sendable (_ index: Int) throws -> Example
  ) {
    expect(
      LoaderPlace.counts.contains(epoch),
      "a loader cannot begin at epoch \(epoch): epochs are counted from 0, up to 2^40")
    let order = orderOf(epoch)
    expect(
      position >= 0 && position <= order.count,
      "an epoch of \(order.count) examples cannot begin at position \(position): if the place was "
        + "saved, it was with another data set")
    self.orderOf = orderOf
    self.read = read
    self.goesOn = goesOn
    self.window = window
    orders = [epoch: order]
    claimed = Place(epoch: epoch, position: position)
    taken = claimed
  }

  /// How many examples of the epoch's order have been taken.
  var position: Int { condition.withLock { taken.position } }
  /// The processor time of the threads.
  var secondsReading: Double { condition.withLock { readingSeconds } }

  /// Starts up to `threads` threads; fewer if the system gives no more.
  func start(threads: Int) {
    for _ in 0..<threads where Workers.startThread({ [self] in work() }) {
      condition.withLock { self.threads += 1 }
    }
  }

  /// Lets the threads end after the example they are at.
  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }

  /// The next examples of the epoch's order: `count` of them, or fewer at its end.
  ///
  /// All are taken at once, because every call wakes the threads.
  func take(_ count: Int) -> (examples: [Outcome], secondsWaited: Double) {
    condition.withLock {
      var examples: [Outcome] = []
      var waited = Duration.zero
      let order = order(of: taken.epoch)
      while examples.count < count, taken.position < order.count {
        if let result = outcomes.removeValue(forKey: taken) {
          examples.append((order[taken.position], result))
          taken.position += 1
          ahead -= 1
        } else if threads == 0 {
          let (start, index) = (ContinuousClock.now, order[taken.position])
          examples.append((index, Result { try read(index) }))
          taken.position += 1
          waited += ContinuousClock.now - start
        } else {
          condition.broadcast()
          let start = ContinuousClock.now
          condition.wait()
          waited += ContinuousClock.now - start
        }
      }
      condition.broadcast()
      return (examples, waited / .seconds(1))
    }
  }

  /// Takes the examples of the next epoch from now on; stops unless all of this one are taken.
  func beginNextEpoch() {
    condition.withLock {
      expect(goesOn, "the threads read one epoch only")
      let left = order(of: taken.epoch).count - taken.position
      expect(left == 0, "\(left) examples of the epoch have not been taken yet")
      orders[taken.epoch] = nil
      taken = Place(epoch: taken.epoch + 1, position: 0)
      if claimed.epoch < taken.epoch { claimed = taken }
    }
  }

  private func work() {
    while let (place, index) = claim() {
      let start = processorSeconds()
      let result = Result { try read(index) }
      let spent = processorSeconds() - start
      condition.withLock {
        outcomes[place] = result
        readingSeconds += spent
        if place == taken { condition.broadcast() }
      }
    }
  }

  /// The next place to read, as soon as it lies within the window; nil when none is left.
  private func claim() -> (place: Place, index: Int)? {
    condition.withLock {
      while !isStopped, ahead >= window { condition.wait() }
      if isStopped { return nil }
      if claimed.position == order(of: claimed.epoch).count {
        guard goesOn else { return nil }
        claimed = Place(epoch: claimed.epoch + 1, position: 0)
      }
      let order = order(of: claimed.epoch)
      guard claimed.position < order.count else { return nil }
      defer { claimed.position += 1 }
      ahead += 1
      return (claimed, order[claimed.position])
    }
  }

  private func order(of epoch: Int) -> [Int] {
    if let order = orders[epoch] { return order }
    let order = orderOf(epoch)
    orders[epoch] = order
    return order
  }
}

/// The processor time of the calling thread, which does not include waiting for the processor or
/// the disk.
private func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
