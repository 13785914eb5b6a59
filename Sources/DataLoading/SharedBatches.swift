import Foundation
import Tensors

/// A part of each batch, for one of several processes that go through the same data set in step.
public struct BatchShare: Sendable {
  /// The number of this process, counted from 0.
  public let rank: Int
  /// The number of processes.
  public let size: Int
  /// Exchanges the examples that could not be read.
  ///
  /// The function takes those of this process, by their positions in the data set and with the
  /// reasons, and returns those of all processes. Every process must call it equally often.
  public let exchange: @Sendable ([Int: String]) -> [Int: String]

  /// The part of process `rank` of `size`.
  public init(
    rank: Int, size: Int, exchange: @escaping @Sendable ([Int: String]) -> [Int: String]
  ) {
    expect((0..<max(size, 1)).contains(rank), "there is no process \(rank) of \(size)")
    self.rank = rank
    self.size = size
    self.exchange = exchange
  }

  /// The examples of a batch of `count` that belong to the part.
  ///
  /// Parts are contiguous, and their sizes differ by at most one.
  public func range(of count: Int) -> Range<Int> {
    rank * count / size..<(rank + 1) * count / size
  }
}

/// This process's part of each batch of a loader, read ahead like whole batches; the other parts are not
/// read.
///
/// Put together in the order of the processes, the parts are the batches of one process, whatever
/// cannot be read: the processes agree about unreadable examples for each batch, and fill it with
/// the examples that follow.
public final class SharedBatches<Source: Dataset> {
  private let loader: DataLoader<Source>
  private let share: BatchShare
  private var pipeline: ReadingPipeline<Source.Example>
  /// The order of the epoch.
  private var order: [Int]
  /// The positions in the data set of the examples that could not be read in this epoch.
  private var unreadable: Set<Int> = []
  /// The number of examples of the epoch that could not be read before the place where these
  /// batches began.
  private var unreadableBefore: Int
  private var secondsBefore = 0.0
  private var failure: (any Error)?
  /// The epoch from which batches are taken, and how much of it all processes together have used.
  public private(set) var place: LoaderPlace
  /// The positions in the data set of this part of the batch that was taken last.
  public private(set) var indices: [Int] = []
  /// The seconds spent waiting for examples that had not been read yet.
  public private(set) var secondsWaited = 0.0

  /// The parts of the batches from a place on.
  ///
  /// - Parameters:
  ///   - loader: the loader, which must drop the last batch of an epoch if that is not full.
  ///   - place: where to begin.
  ///   - share: which part this process gets.
  public init(_ loader: DataLoader<Source>, from place: LoaderPlace, share: BatchShare) {
    expect(loader.lastBatch == .dropped, "batches that are shared must all be of one size")
    expect(
      loader.batchSize >= share.size,
      "a batch of \(loader.batchSize) cannot be shared by \(share.size) processes")
    place.expectSaved(with: loader.data.count)
    self.loader = loader
    self.share = share
    self.place = place
    self.place.count = loader.data.count
    unreadableBefore = place.unreadable
    order = loader.order.indices(ofEpoch: place.epoch)
    pipeline = SharedBatches.started(loader, share, place, without: [])
  }

  deinit { pipeline.stop() }

  /// The seconds of processor time that all threads together spent reading.
  public var secondsReading: Double { secondsBefore + pipeline.secondsReading }

  /// This process's part of the next batch, or nil at the end of the epoch.
  ///
  /// - Throws: in all processes, `UnreadableExamples` when more than `tolerance` of the epoch could not
  ///   be read. That ends the sequence: every later call throws the same error.
  public func next() throws -> Source.Batch? {
    if let failure { throw failure }
    while let window = SharedBatches.window(loader, order, place.position, without: unreadable) {
      let own = Array(window.indices[share.range(of: loader.batchSize)])
      let taken = pipeline.take(own.count)
      secondsWaited += taken.secondsWaited
      expect(taken.examples.map(\.index) == own, "the threads read another part of the batch")
      var examples: [Source.Example] = []
      var failed: [Int: String] = [:]
      for (index, result) in taken.examples {
        switch result {
        case .success(let example): examples.append(example)
        case .failure(let error): failed[index] = reason(index, error)
        }
      }
      let all = share.exchange(failed)
      if all.isEmpty {
        (place.position, place.unreadable) = (window.end, unreadableCount)
        indices = own
        return loader.data.batch(of: examples)
      }
      try passOver(window.indices.compactMap { index in all[index].map { (index, $0) } })
    }
    return nil
  }

  /// Continues with the batches of the next epoch, the first of which have been read meanwhile.
  public func beginNextEpoch() {
    (unreadable, unreadableBefore) = ([], 0)
    pipeline.beginNextEpoch()
    place = LoaderPlace(epoch: place.epoch + 1, count: place.count)
    order = loader.order.indices(ofEpoch: place.epoch)
  }

  /// The number of examples of the epoch that could not be read so far.
  private var unreadableCount: Int { unreadableBefore + unreadable.count }

  /// Records examples that no process will read, and begins to read the batch that results.
  private func passOver(_ failed: [(index: Int, reason: String)]) throws {
    for (index, reason) in failed {
      unreadable.insert(index)
      loader.warn("skipped \(reason)")
      guard unreadableCount <= loader.tolerance else {
        let error = UnreadableExamples(
          count: unreadableCount, tolerance: loader.tolerance, last: reason)
        failure = error
        pipeline.stop()
        throw error
      }
    }
    secondsBefore += pipeline.secondsReading
    pipeline.stop()
    pipeline = SharedBatches.started(loader, share, place, without: unreadable)
  }

  private func reason(_ index: Int, _ error: any Error) -> String {
    let (name, text) = (loader.data.name(index), "\(error)")
    return text.contains(name) ? text : "\(name): \(text)"
  }

  /// The next full batch of an order from a position on, and where it ends; nil if none is left.
  private static func window(
    _ loader: DataLoader<Source>, _ order: [Int], _ position: Int, without unreadable: Set<Int>
  ) -> (indices: [Int], end: Int)? {
    var indices: [Int] = []
    var end = position
    while indices.count < loader.batchSize {
      guard end < order.count else { return nil }
      if !unreadable.contains(order[end]) { indices.append(order[end]) }
      end += 1
    }
    return (indices, end)
  }

  /// Threads that read this part of the batches from a place on, and of the epochs after it.
  private static func started(
    _ loader: DataLoader<Source>, _ share: BatchShare, _ place: LoaderPlace,
    without unreadable: Set<Int>
  ) -> ReadingPipeline<Source.Example> {
    let data = loader.data
    let pipeline = ReadingPipeline(
      epoch: place.epoch, position: 0, goesOn: true,
      window: loader.prefetch * share.range(of: loader.batchSize).count,
      orderOf: { epoch in
        let order = loader.order.indices(ofEpoch: epoch)
        let isFirst = epoch == place.epoch
        var (position, own) = (isFirst ? place.position : 0, [Int]())
        while let window = window(loader, order, position, without: isFirst ? unreadable : []) {
          own += window.indices[share.range(of: loader.batchSize)]
          position = window.end
        }
        return own
      }, read: { try data.example($0) })
    pipeline.start(threads: loader.threads)
    return pipeline
  }
}
