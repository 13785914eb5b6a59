import Foundation
import Tensors

/// What happens to the examples at the end of an epoch that do not fill a batch.
public enum LastBatch: Sendable {
  /// They form a smaller batch.
  case kept
  /// They are left out, so that all batches have the same size.
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
/// The batches and their order are the same for every number of threads: the order of an epoch is a
/// permutation drawn from (seed, epoch). An example that cannot be read is left out with a warning
/// that names it, and the batch is filled with the examples that follow. If more than `tolerance`
/// examples of an epoch cannot be read, that is an error.
public struct DataLoader<Source: Dataset>: Sendable {
  /// The data set.
  public let data: Source
  /// The number of examples in a batch.
  public let batchSize: Int
  /// The orders of the epochs.
  public let order: SampleOrder
  /// What happens to the examples that do not fill a batch.
  public let lastBatch: LastBatch
  /// The number of threads that read ahead; 0 for none.
  public let threads: Int
  /// The number of batches that may be read ahead.
  public let prefetch: Int
  /// The number of unreadable examples per epoch for which there is only a warning.
  public let tolerance: Int
  let warn: @Sendable (String) -> Void

  /// A loader; nothing is read yet.
  ///
  /// - Parameters:
  ///   - data: the data set.
  ///   - batchSize: the number of examples in a batch, at least 1.
  ///   - seed: the seed from which orders are drawn; nil keeps the order of the data set, as
  ///     evaluation needs it.
  ///   - lastBatch: what happens to the examples that do not fill a batch; default they form a
  ///     smaller one.
  ///   - threads: the number of threads that read ahead; default that of the data set. With 0,
  ///     examples are read when a batch is taken.
  ///   - prefetch: the number of batches that may be read ahead, and that are then held in memory;
  ///     default 4.
  ///   - tolerance: the number of unreadable examples per epoch for which there is only a warning;
  ///     default 0.
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
  /// - Parameter place: where to begin; default the first epoch. To go on after an interruption,
  ///   pass the `place` of the earlier batches: the sequence then continues as it would have done.
  /// - Returns: the batches. Reading begins at once, and continues into the next epochs.
  ///
  /// Stops when the place lies within an epoch of a data set with another count, or beyond the end
  /// of this one. At the very end, the epoch has no batch left.
  public func batches(from place: LoaderPlace = LoaderPlace()) -> Batches<Source> {
    Batches(self, from: place, goesOn: true)
  }

  /// The batches of one epoch.
  ///
  /// - Parameters:
  ///   - number: the number of the epoch, which determines the order.
  ///   - position: the number of examples at the beginning of the epoch's order that are skipped;
  ///     default 0.
  /// - Returns: the batches; reading begins at once.
  public func epoch(_ number: Int, from position: Int = 0) -> Batches<Source> {
    Batches(self, from: LoaderPlace(epoch: number, position: position), goesOn: false)
  }
}

/// The error that more examples than tolerated cannot be read, or that none can be read.
public struct UnreadableExamples: Error, CustomStringConvertible {
  /// The number of examples that could not be read, among those that were tried.
  public let count: Int
  /// The number of unreadable examples that would have been tolerated.
  public let tolerance: Int
  /// The error of the last one, with its name; nil if a data set has no example for a batch.
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
