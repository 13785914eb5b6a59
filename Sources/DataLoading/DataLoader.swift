import Foundation
import Tensors

/// What becomes of the examples at the end of an epoch that do not fill a batch.
public enum LastBatch: Sendable {
  /// The examples that are left are a smaller batch.
  case kept
  /// They are left out, so that all batches are of one size.
  case dropped
}

/// Takes a data set batch by batch, in an order that is drawn anew for each epoch, read ahead in threads.
///
/// ```swift
/// let loader = DataLoader(training, batchSize: 32, seed: 7)
/// let batches = loader.batches()
/// for step in 0..<500 {
///   let (x, labels) = try batches.nextOfAnyEpoch()
/// }
/// ```
/// Batches are the same, in the same order, for every number of threads: the order of an epoch is a
/// permutation drawn from (seed, epoch). An example that cannot be read is left out, with a warning that
/// names it, and the batch is filled with the examples after it; more than `tolerance` of them in an epoch
/// are an error.
public struct DataLoader<Source: Dataset>: Sendable {
  /// The data set.
  public let data: Source
  /// Examples in a batch.
  public let batchSize: Int
  /// The orders of the epochs.
  public let order: SampleOrder
  /// What becomes of the examples that do not fill a batch.
  public let lastBatch: LastBatch
  /// Threads that read ahead; 0 for none.
  public let threads: Int
  /// Batches that may be read ahead.
  public let prefetch: Int
  /// Unreadable examples of an epoch that are only warned about.
  public let tolerance: Int
  let warn: @Sendable (String) -> Void

  /// A loader; nothing is read yet.
  ///
  /// - Parameters:
  ///   - data: the data set.
  ///   - batchSize: examples in a batch, at least 1.
  ///   - seed: what orders are drawn from; nil keeps the order of the data set, as evaluation wants.
  ///   - lastBatch: what becomes of the examples that do not fill a batch; default kept.
  ///   - threads: that read ahead; default what the data set says. With 0, examples are read when a
  ///     batch is taken.
  ///   - prefetch: batches that may be read ahead; default 4. So many are held in memory.
  ///   - tolerance: unreadable examples of an epoch that are only warned about; default 0.
  ///   - warn: receives the warnings; default prints them on standard error.
  public init(
    _ data: Source, batchSize: Int, seed: UInt64?, lastBatch: LastBatch = .kept,
    threads: Int? = nil, prefetch: Int = 4, tolerance: Int = 0,
    warn: @escaping @Sendable (String) -> Void = { warning in
      // A FileHandle would end the program where standard error is closed or full.
      let line = Array("warning: \(warning)\n".utf8)
      _ = write(STDERR_FILENO, line, line.count)
    }
  ) {
    let threads = threads ?? data.readingThreads
    expect(batchSize >= 1, "a batch has at least one example, not \(batchSize)")
    expect(threads >= 0, "\(threads) threads cannot read")
    expect(prefetch >= 1, "at least one batch must be read ahead, not \(prefetch)")
    expect(tolerance >= 0, "a negative number (\(tolerance)) of examples cannot be tolerated")
    self.data = data
    self.batchSize = batchSize
    order = SampleOrder(count: data.count, seed: seed)
    self.lastBatch = lastBatch
    self.threads = threads
    self.prefetch = prefetch
    self.tolerance = tolerance
    self.warn = warn
  }

  /// The number of batches in an epoch in which every example can be read.
  public var batchesPerEpoch: Int {
    lastBatch == .dropped
      ? data.count / batchSize : (data.count + batchSize - 1) / batchSize
  }

  /// The batches from a place on, epoch after epoch.
  ///
  /// - Parameter place: where to begin; default with the first epoch. The `place` of batches that were
  ///   taken before, to go on after an interruption: what follows is what would have followed.
  /// - Returns: the batches; reading begins at once, and goes on into the next epochs.
  ///
  /// Stops when the place is within an epoch of a data set of another count, or lies beyond this one; at
  /// its very end, the epoch has no batch left.
  public func batches(from place: LoaderPlace = LoaderPlace()) -> Batches<Source> {
    Batches(self, from: place, goesOn: true)
  }

  /// The batches of one epoch.
  ///
  /// - Parameters:
  ///   - number: which epoch; it decides about the order.
  ///   - position: how many examples of the epoch's order are passed over; default 0.
  /// - Returns: the batches; reading begins at once.
  public func epoch(_ number: Int, from position: Int = 0) -> Batches<Source> {
    Batches(self, from: LoaderPlace(epoch: number, position: position), goesOn: false)
  }
}

/// More examples that cannot be read than were to be passed over, or none that can.
public struct UnreadableExamples: Error, CustomStringConvertible {
  /// How many could not be read, as far as was looked.
  public let count: Int
  /// How many would have been passed over.
  public let tolerance: Int
  /// What is wrong with the last one, with its name; nil where a data set has none to fill a batch with.
  public let last: String?

  /// What happened, and what to do.
  public var description: String {
    guard let last else {
      return "no batch can be filled; give the data set more examples, or the loader a smaller "
        + "batchSize"
    }
    return last + (count == 1 ? "" : "\n\(count) examples of this epoch cannot be read")
      + "\n\(tolerance == 0 ? "none is" : "up to \(tolerance) are") passed over; repair the data, or let "
      + "more pass with the tolerance of the loader"
  }
}
