import CKernels
import Synchronization

/// Work in parallel on several parts of a batch, each with a tape of its own.
///
/// ```swift
/// let parts = try Workers.map(Workers.count) { part in
///   try gradients(of: loss(images.slice(range(part)), generator.startingAtSample(first(part))))
/// }
/// var total = parts[0]
/// for other in parts.dropFirst() { total.add(other) }
/// ```
/// A part runs all its operators on one thread: that is faster than threads inside products, which
/// only the products would gain from. Outside of parts, workers share large matrix products. Results
/// come back by part, so what is computed depends on the number of parts but not on which thread ran
/// what, nor on what other threads do: a fixed number gives the same bits every time.
public enum Workers {
  private static let wanted = Atomic<Int>(0)
  private static let processors = ck_processor_count()

  /// The number of threads that `map` uses.
  ///
  /// By default the processors that this process may use, or those that its control groups give it
  /// time for if they are fewer.
  ///
  /// Stops when it is set to less than 1.
  public static var count: Int {
    get {
      let count = wanted.load(ordering: .relaxed)
      return count > 0 ? count : processors
    }
    set {
      expect(newValue >= 1, "at least one worker is needed, not \(newValue)")
      wanted.store(newValue, ordering: .relaxed)
    }
  }

  /// Calls `body` for each part, on up to `count` persistent threads, one of them the caller's.
  ///
  /// The parts inherit the caller's recording flag. Inside a part, `map` runs on the part's own
  /// thread.
  ///
  /// - Parameters:
  ///   - parts: how often `body` is called, with 0, 1, ... parts - 1.
  ///   - body: must not depend on other parts.
  /// - Returns: the results in order of the parts.
  /// - Throws: the error of the first part, in their order, that threw; the others run to
  ///   their end.
  public static func map<Result: Sendable, Failure: Error>(
    _ parts: Int, _ body: @Sendable (Int) throws(Failure) -> Result
  ) throws(Failure) -> [Result] {
    var outcomes = [Swift.Result<Result, Failure>?](repeating: nil, count: parts)
    outcomes.withUnsafeMutableBufferPointer { slots in
      // Each part writes its own slot.
      nonisolated(unsafe) let slots = slots
      func run(_ part: Int) {
        do throws(Failure) {
          slots[part] = .success(try measured("tape") { () throws(Failure) in try body(part) })
        } catch {
          slots[part] = .failure(error)
        }
      }
      runParts(parts, run)
    }
    var results: [Result] = []
    results.reserveCapacity(parts)
    for case .some(let outcome) in outcomes { results.append(try outcome.get()) }
    return results
  }

  /// Calls `body` for contiguous ranges that together cover 0..<total, one for each worker.
  ///
  /// - Parameters:
  ///   - total: the number of samples; with fewer samples than workers, some workers rest.
  ///   - body: must not depend on other ranges.
  /// - Returns: the results in order of the ranges.
  /// - Throws: the error of the first range, in their order, that threw.
  public static func mapRanges<Result: Sendable, Failure: Error>(
    of total: Int, _ body: @Sendable (Range<Int>) throws(Failure) -> Result
  ) throws(Failure) -> [Result] {
    let parts = min(count, total)
    return try map(parts) { part throws(Failure) in
      try body(part * total / parts..<(part + 1) * total / parts)
    }
  }

  /// Sums over a batch: each worker goes through its share in chunks, one after the other.
  ///
  /// ```swift
  /// let sums = try Workers.reduceRanges(of: 32, inChunksOf: 2, into: Gradients()) { sum, range in
  ///   let each = losses(images.slice(range), generator.startingAtSample(range.lowerBound))
  ///   try sum.add(gradientsOf: each.sum() / 32)  // of the batch, not of the chunk
  /// }
  /// ```
  /// Memory is that of a chunk for each worker, and what a chunk computes is still in the cache when it
  /// is read again. Sums over samples are taken chunk by chunk, so that they differ from those of whole
  /// shares by rounding.
  ///
  /// The loss of a range has to be a sum over its samples times a factor of the whole batch. A mean over
  /// the range would weigh samples by the sizes of their chunks, and what divides by its own number of
  /// samples, as `jacobianPenalty` does, is to be multiplied by it. What couples samples is another
  /// function in chunks: a `BatchNorm` in training stops there, and layers of your own can ask
  /// `isDividingShares`; nothing else is noticed.
  ///
  /// - Parameters:
  ///   - total: the number of samples; with fewer samples than workers, some workers rest.
  ///   - chunk: the most samples of a chunk; a share is divided as evenly as this allows.
  ///   - initial: what each worker starts from.
  ///   - body: adds what the samples of a range give; must not depend on the shares of other workers.
  /// - Returns: a sum for each worker that had a share, in order of the shares.
  /// - Throws: the error of the first share, in their order, that threw.
  public static func reduceRanges<Sum: Sendable, Failure: Error>(
    of total: Int, inChunksOf chunk: Int, into initial: Sum,
    _ body: @Sendable (inout Sum, Range<Int>) throws(Failure) -> Void
  ) throws(Failure) -> [Sum] {
    expect(chunk >= 1, "a chunk has at least one sample, not \(chunk)")
    let isInChunk = isDividingShares
    return try mapRanges(of: total) { share throws(Failure) in
      var sum = initial
      let chunks = (share.count + chunk - 1) / chunk
      for index in 0..<chunks {
        let start = share.lowerBound + index * share.count / chunks
        let end = share.lowerBound + (index + 1) * share.count / chunks
        let outcome = $dividesShares.withValue(isInChunk || chunks > 1) {
          Result { () throws(Failure) in try body(&sum, start..<end) }
        }
        try outcome.get()
      }
      return sum
    }
  }

  /// Whether this runs for a chunk of a share of `reduceRanges`, and again for the share's others.
  ///
  /// A layer that needs all samples of a share at once (statistics, contrasts between samples) stops where
  /// it is true, as a batch norm in training does. It is known on the thread that calls `body`, also
  /// within further divisions there.
  public static var isDividingShares: Bool { dividesShares }

  @TaskLocal private static var dividesShares = false

  /// Runs `body` on a thread of its own.
  ///
  /// - Returns: false where the system gives no thread; `body` is not called then.
  package static func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    let context = Unmanaged.passRetained(ThreadBody(body))
    let isStarted = ck_start_thread(
      { context in
        guard let context else { return }
        Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
      }, context.toOpaque())
    if !isStarted { context.release() }
    return isStarted
  }

  private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Calls `run` for every part on up to `count` threads.
  ///
  /// On the caller's alone inside a part, or while another thread has the others.
  static func runParts(_ parts: Int, _ run: (Int) -> Void) {
    withoutActuallyEscaping(run) { run in
      var run = run
      withUnsafeMutablePointer(to: &run) { context in
        ck_run_parts(
          parts, count,
          { context, part in
            context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(part)
          }, context)
      }
    }
  }

  /// Calls `body` for every index below `count`; workers share them if that is worth it.
  ///
  /// - Parameters:
  ///   - count: how often.
  ///   - operations: the multiplications of each.
  ///   - body: must not depend on other calls.
  static func shareWork(_ count: Int, operations: Int, _ body: (Int) -> Void) {
    if count > 1, ProductBands.threads(count * operations) > 1 {
      runParts(count, body)
    } else {
      for index in 0..<count { body(index) }
    }
  }
}
