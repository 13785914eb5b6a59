import Foundation
import Tensors

/// The batches of a loader, in order.
///
/// One thread at a time takes batches. Reading ends when the sequence is released.
public final class Batches<Source: Dataset> {
  private let loader: DataLoader<Source>
  private let pipeline: ReadingPipeline<Source.Example>
  /// The examples of the epoch that could not be read so far.
  private var unreadable: Int
  /// What ended the sequence.
  private var failure: (any Error)?
  /// The epoch that batches are taken from, and how far it is used up: the end of the last batch
  /// that was handed out, also after an error.
  public private(set) var place: LoaderPlace
  /// The positions in the data set of the examples in the batch that was taken last.
  public private(set) var indices: [Int] = []
  /// Seconds that were waited because an example was not read yet: 0 if reading is never the
  /// bottleneck.
  public private(set) var secondsWaited = 0.0

  init(_ loader: DataLoader<Source>, from place: LoaderPlace, goesOn: Bool) {
    place.expectSaved(with: loader.data.count)
    self.loader = loader
    self.place = place
    self.place.count = loader.data.count
    unreadable = place.unreadable
    let (data, order) = (loader.data, loader.order)
    pipeline = ReadingPipeline(
      epoch: place.epoch, position: place.position, goesOn: goesOn,
      window: loader.prefetch * loader.batchSize, orderOf: { order.indices(ofEpoch: $0) },
      read: { try data.example($0) })
    pipeline.start(threads: loader.threads)
  }

  deinit { pipeline.stop() }

  /// Seconds of processor time that the threads spent reading, together: what training could not
  /// use where all processors are busy.
  public var secondsReading: Double { pipeline.secondsReading }

  /// The next batch, or nil at the end of the epoch.
  ///
  /// - Throws: `UnreadableExamples` when more than `tolerance` of the epoch could not be read.
  ///   That ends the sequence: every later call throws the same error.
  public func next() throws -> Source.Batch? {
    if let failure { throw failure }
    do {
      return try readNext()
    } catch {
      failure = error
      pipeline.stop()
      throw error
    }
  }

  private func readNext() throws -> Source.Batch? {
    var examples: [Source.Example] = []
    var indices: [Int] = []
    examples.reserveCapacity(loader.batchSize)
    while examples.count < loader.batchSize {
      let taken = pipeline.take(loader.batchSize - examples.count)
      secondsWaited += taken.secondsWaited
      guard !taken.examples.isEmpty else { break }
      for (index, result) in taken.examples {
        switch result {
        case .success(let example):
          examples.append(example)
          indices.append(index)
        case .failure(let error):
          try passOver(index, error)
        }
      }
    }
    guard !examples.isEmpty, examples.count == loader.batchSize || loader.lastBatch == .kept else {
      return nil
    }
    self.indices = indices
    (place.position, place.unreadable) = (pipeline.position, unreadable)
    return loader.data.batch(of: examples)
  }

  /// Goes on to the batches of the next epoch, the first of which have been read meanwhile.
  ///
  /// Stops when `next()` has not returned nil yet or has thrown, or when the sequence is one of a
  /// single epoch.
  public func beginNextEpoch() {
    if let failure { expect(false, "an error has ended these batches: \(failure)") }
    unreadable = 0
    pipeline.beginNextEpoch()
    place = LoaderPlace(epoch: place.epoch + 1, count: place.count)
  }

  /// The next batch, of the next epoch where this one is used up.
  ///
  /// - Throws: `UnreadableExamples` when more than `tolerance` of an epoch could not be read, or when an
  ///   epoch has no batch.
  public func nextOfAnyEpoch() throws -> Source.Batch {
    if let batch = try next() { return batch }
    beginNextEpoch()
    guard let batch = try next() else {
      throw UnreadableExamples(count: unreadable, tolerance: loader.tolerance, last: nil)
    }
    return batch
  }

  private func passOver(_ index: Int, _ error: any Error) throws {
    unreadable += 1
    let name = loader.data.name(index)
    let text = "\(error)"
    let reason = text.contains(name) ? text : "\(name): \(text)"
    loader.warn("skipped \(reason)")
    guard unreadable <= loader.tolerance else {
      throw UnreadableExamples(count: unreadable, tolerance: loader.tolerance, last: reason)
    }
  }
}
