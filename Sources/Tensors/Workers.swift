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
/// Each part runs all its operators on one thread. This is faster than threads inside of matrix
/// products, from which only the products would gain. Outside of parts, the workers share large
/// matrix products. Results are returned by part, so they depend on the number of parts but not on
/// which thread ran which part, nor on what other threads do: a fixed number of parts gives the
/// same bits every time.
public enum Workers {
  private static let wanted = Atomic<Int>(0)
  private static let processors = ck_processor_count()

  /// The number of threads that `map` uses.
  ///
  /// The default is the number of processors that this process may use, or the number of processors
  /// for which its control groups grant time, if that is smaller.
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
    if parts == 1 { return [try measured("tape") { () throws(Failure) in try body(0) }] }
    var outcomes = [Swift.Result<Result, Failure>?](repeating: nil, count: parts)
    outcomes.withUnsafeMutableBufferPointer { slots in
      // Each part writes only its own slot.
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
  ///   - total: the number of samples; if there are fewer samples than workers, some workers have
  ///     no range.
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
  /// The memory is that of one chunk for each worker, and the values of a chunk are still in the
  /// cache when they are read again. Sums over samples are taken chunk by chunk, so they differ by
  /// rounding from sums over whole shares.
  ///
  /// The loss of a range must be a sum over its samples, times a factor that belongs to the whole
  /// batch. A mean over the range would weigh samples by the sizes of their chunks, and a term that
  /// divides by its own number of samples, as `jacobianPenalty` does, has to be multiplied by that
  /// number. A layer that couples samples is another function in chunks: a `BatchNorm` in training
  /// stops there, and your own layers can ask `isDividingShares`; nothing else is noticed.
  ///
  /// - Parameters:
  ///   - total: the number of samples; if there are fewer samples than workers, some workers have
  ///     no share.
  ///   - chunk: the largest number of samples of a chunk; a share is divided as evenly as this
  ///     allows.
  ///   - initial: the value from which the sum of each worker starts.
  ///   - body: adds the contribution of the samples of a range; it must not depend on the shares of
  ///     other workers.
  /// - Returns: one sum for each worker that had a share, in the order of the shares.
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

  /// Whether this code runs for one chunk of a share of `reduceRanges`, and will run again for the
  /// other chunks.
  ///
  /// A layer that needs all samples of a share at once (for statistics, or for contrasts between
  /// samples) should stop when this is true, as a batch norm in training does. The value holds on
  /// the thread that calls `body`, also within further divisions of the work there.
  public static var isDividingShares: Bool { dividesShares }

  @TaskLocal private static var dividesShares = false

  /// Runs `body` on a thread of its own.
  ///
  /// - Returns: false if the system gives no thread; `body` is not called then.
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

  /// Calls `run` for every part, on up to `count` threads.
  ///
  /// Inside a part, or while another thread uses the workers, all parts run on the caller's thread.
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

  /// Calls `body` for every index below `count`; workers share the calls if that is worth it.
  ///
  /// - Parameters:
  ///   - count: the number of calls.
  ///   - operations: the number of multiplications of each call.
  ///   - body: must not depend on other calls.
  static func shareWork(_ count: Int, operations: Int, _ body: (Int) -> Void) {
    if count > 1, ProductBands.threads(count * operations) > 1 {
      runParts(count, body)
    } else {
      for index in 0..<count { body(index) }
    }
  }
}
