import Foundation
import Tensors

/// The batches of a loader, in order.
///
/// Only one thread at a time may take batches. Reading ends when the sequence is released.
public final class Batches<Source: Dataset> {
  private let loader: DataLoader<Source>
  private let pipeline: ReadingPipeline<Source.Example>
  /// The number of examples of the epoch that could not be read so far.
  private var unreadable: Int
  /// The error that ended the sequence.
  private var failure: (any Error)?
  /// The place of the sequence: the epoch from which batches are taken, and the end of the last
  /// batch that was returned, also after an error.
  public private(set) var place: LoaderPlace
  /// The positions in the data set of the examples of the last batch.
  public private(set) var indices: [Int] = []
  /// The seconds spent waiting for examples that had not been read yet; 0 if reading is never the
  /// bottleneck.
  public private(set) var secondsWaited = 0.0

  package init(_ loader: DataLoader<Source>, from place: LoaderPlace, goesOn: Bool) {
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

  /// The seconds of processor time that all threads together spent reading.
  ///
  /// If all processors are busy, training lost this time.
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

  /// Continues with the batches of the next epoch, the first of which have been read meanwhile.
  ///
  /// Stops when examples of the epoch are left, or an error has ended it, or when the sequence covers only
  /// one epoch.
  public func beginNextEpoch() {
    if let failure { expect(false, "an error has ended these batches: \(failure)") }
    unreadable = 0
    pipeline.beginNextEpoch()
    place = LoaderPlace(epoch: place.epoch + 1, count: place.count)
  }

  /// The next batch; if the present epoch is used up, that of the next epoch.
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
