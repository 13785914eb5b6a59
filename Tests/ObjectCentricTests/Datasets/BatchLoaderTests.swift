import Foundation
import Images
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import ObjectCentric

/// Numbered images of one colour; some cannot be read.
private struct Numbered: ImageDataset {
  struct Broken: Error, CustomStringConvertible {
    let description = "broken"
  }
  final class Counter: Sendable {
    let decoded = Mutex(0)
  }
  let size: Int
  var broken: Set<Int> = []
  /// Microseconds that an image takes.
  var delay: UInt32 = 0
  let counter = Counter()
  var description: String { "numbered images" }
  var imageSize: Int { 2 }
  func count(of split: Split) -> Int { split == .train ? size : 0 }
  func image(_ index: Int, of split: Split) throws -> Image {
    counter.decoded.withLock { $0 += 1 }
    if broken.contains(index) { throw Broken() }
    // Later images take less time, so that threads finish out of order.
    if index % 3 == 0 || delay > 0 { usleep(max(200, delay)) }
    return Image(width: 2, height: 2, color: SIMD3(UInt8(index), 51, 255))
  }
  func mask(_ index: Int, of split: Split) -> SegmentationMask? { nil }
  func name(_ index: Int, of split: Split) -> String { "number \(index)" }
}

private final class Warnings: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}

private func batches(_ loader: BatchLoader, _ epoch: Int, from position: Int = 0) throws -> [Batch]
{
  let sequence = loader.epoch(epoch, from: position)
  var result: [Batch] = []
  while let batch = try sequence.next() { result.append(batch) }
  return result
}

@Suite struct BatchLoaderTests {
  @Test("the order depends on seed and epoch only", arguments: [1, 2, 5])
  func order(_ threads: Int) throws {
    let loader = BatchLoader(
      Numbered(size: 50), batchSize: 8, seed: 3, threads: threads, prefetch: 1)
    let first = try batches(loader, 0)
    #expect(first.map(\.indices.count) == [8, 8, 8, 8, 8, 8, 2])
    #expect(first.flatMap(\.indices).sorted() == Array(0..<50))
    #expect(first.flatMap(\.indices) == loader.order(of: 0))
    #expect(loader.order(of: 0) != loader.order(of: 1))
    #expect(loader.order(of: 0) != Array(0..<50))
    #expect(
      loader.order(of: 1) == BatchLoader(Numbered(size: 50), batchSize: 4, seed: 3).order(of: 1))
    #expect(
      loader.order(of: 1) != BatchLoader(Numbered(size: 50), batchSize: 4, seed: 4).order(of: 1))
    #expect(first.map(\.endPosition) == [8, 16, 24, 32, 40, 48, 50])
    for batch in first {
      #expect(batch.images.shape == [batch.indices.count, 2, 2, 3])
      for (row, index) in batch.indices.enumerated() {
        let pixel = batch.images.scalars[row * 12..<row * 12 + 3]
        #expect(
          difference(Array(pixel), [Double(index) / 255, 0.2, 1], absolute: 1e-6) == nil)
      }
    }
  }

  @Test func withoutASeedTheOrderIsThatOfTheData() throws {
    let loader = BatchLoader(Numbered(size: 7), batchSize: 3, seed: nil, dropsLast: true)
    #expect(try batches(loader, 5).map(\.indices) == [[0, 1, 2], [3, 4, 5]])
    #expect(loader.batchesPerEpoch == 2)
    #expect(BatchLoader(Numbered(size: 7), batchSize: 3, seed: nil).batchesPerEpoch == 3)
    let none = BatchLoader(Numbered(size: 7), split: .test, batchSize: 3, seed: 1)
    #expect(try batches(none, 0).isEmpty)
  }

  @Test func anEpochGoesOnWhereItWasInterrupted() throws {
    let loader = BatchLoader(Numbered(size: 29, broken: [4, 17]), batchSize: 5, seed: 2) { _ in }
    let whole = try batches(loader, 3).map(\.indices)
    let begun = loader.epoch(3)
    let first = try #require(try begun.next())
    let second = try #require(try begun.next())
    #expect([first.indices, second.indices] == Array(whole[..<2]))
    #expect(try batches(loader, 3, from: second.endPosition).map(\.indices) == Array(whole[2...]))
  }

  @Test("unreadable images are passed over with a warning", arguments: [1, 3])
  func unreadable(_ threads: Int) throws {
    let warnings = Warnings()
    let loader = BatchLoader(
      Numbered(size: 20, broken: [0, 3, 11]), batchSize: 5, seed: nil, threads: threads,
      tolerance: 3
    ) { warnings.add($0) }
    #expect(
      try batches(loader, 0).map(\.indices) == [
        [1, 2, 4, 5, 6], [7, 8, 9, 10, 12], [13, 14, 15, 16, 17], [18, 19],
      ])
    #expect(
      warnings.all == [0, 3, 11].map { "skipped number \($0): broken" })
  }

  @Test func tooManyUnreadableImagesAreAnError() throws {
    let warnings = Warnings()
    let loader = BatchLoader(
      Numbered(size: 20, broken: [1, 6, 8]), batchSize: 4, seed: nil, tolerance: 2
    ) { warnings.add($0) }
    let sequence = loader.epoch(0)
    #expect(try sequence.next()?.indices == [0, 2, 3, 4])
    let error = #expect(throws: UnreadableImages.self) { try sequence.next() }
    #expect(error?.description.contains("number 8") == true)
    #expect(error?.description.contains("broken") == true)
    #expect(warnings.all.count == 3)
  }

  @Test("what could not be read before an interruption counts after it")
  func toleranceGoesOn() throws {
    let loader = BatchLoader(
      Numbered(size: 20, broken: [1, 6, 8]), batchSize: 4, seed: nil, tolerance: 2)
    let first = try #require(try loader.epoch(0).next())
    #expect(first.indices == [0, 2, 3, 4] && first.endPosition == 5 && first.unreadable == 1)
    for goesOn in [false, true] {
      let resumed = loader.epoch(
        0, from: first.endPosition, unreadable: first.unreadable, goingOn: goesOn)
      let error = #expect(throws: UnreadableImages.self) { try resumed.next() }
      #expect(error?.description.contains("number 8") == true)
    }
    // Two more alone are within the tolerance.
    let forgetful = loader.epoch(0, from: first.endPosition)
    #expect(try forgetful.next()?.indices == [5, 7, 9, 10])
  }

  @Test func imagesAreKeptUpToTheLimit() throws {
    let all = Numbered(size: 10)
    let caching = BatchLoader(all, batchSize: 4, seed: 1)
    for epoch in 0..<3 { _ = try batches(caching, epoch) }
    #expect(all.counter.decoded.withLock { $0 } == 10)
    // An image has 12 bytes, so 3 are kept and 7 decoded again.
    let some = Numbered(size: 10)
    let limited = BatchLoader(some, batchSize: 4, seed: 1, cacheBytes: 47)
    for epoch in 0..<3 { _ = try batches(limited, epoch) }
    #expect(some.counter.decoded.withLock { $0 } == 10 + 7 + 7)
    let none = Numbered(size: 10)
    let forgetful = BatchLoader(none, batchSize: 4, seed: 1, cacheBytes: 0)
    for epoch in 0..<3 { _ = try batches(forgetful, epoch) }
    #expect(none.counter.decoded.withLock { $0 } == 30)
  }

  /// Waits until so many images have been decoded, for as long as a busy machine may need.
  private func expectDecoded(_ count: Int, of data: Numbered) {
    for _ in 0..<500 where data.counter.decoded.withLock({ $0 }) < count { usleep(10_000) }
    usleep(20_000)
    #expect(data.counter.decoded.withLock { $0 } == count)
  }

  @Test("decoding goes on into the next epoch, and beyond one smaller than the window")
  func epochsFollow() throws {
    for (prefetch, ahead) in [(2, 8), (7, 28)] {
      let data = Numbered(size: 13)
      let loader = BatchLoader(
        data, batchSize: 4, seed: 5, dropsLast: true, prefetch: prefetch, cacheBytes: 0)
      let sequence = loader.epoch(3, from: 4, goingOn: true)
      for epoch in 3..<7 {
        var indices: [Int] = []
        while let batch = try sequence.next() {
          indices += batch.indices
          #expect(batch.endPosition == indices.count + (epoch == 3 ? 4 : 0))
        }
        let order = loader.order(of: epoch)
        #expect(indices == Array(epoch == 3 ? order[4..<12] : order[..<12]))
        // All of this epoch is taken, and the window is full of the epochs after it.
        expectDecoded(13 * (epoch - 2) - 4 + ahead, of: data)
        sequence.beginNextEpoch()
      }
      let waited = sequence.secondsWaited
      #expect(try sequence.next()?.indices == Array(loader.order(of: 7)[..<4]))
      #expect(sequence.secondsWaited == waited)
    }
  }

  @Test("waiting is the time in which no image is ready")
  func waiting() throws {
    let data = Numbered(size: 12, delay: 30_000)
    let start = ContinuousClock.now
    let slow = BatchLoader(data, batchSize: 4, seed: nil, threads: 1, cacheBytes: 0).epoch(0)
    let before = start.duration(to: .now) / .seconds(1)
    _ = try slow.next()
    // Four times 30 ms, less what passed before the batch was asked for; half of it, as this test may have been
    // held up in between.
    #expect(slow.secondsWaited > 0.06 - before)
    expectDecoded(12, of: data)
    let waited = slow.secondsWaited
    _ = try slow.next()
    #expect(slow.secondsWaited == waited)
    // Sleeping is no decoding.
    #expect(slow.secondsDecoding < 0.06)
  }

  @Test func decodingStopsWhenNobodyTakesBatches() throws {
    let data = Numbered(size: 200)
    let loader = BatchLoader(data, batchSize: 4, seed: 1, prefetch: 2)
    var sequence: BatchSequence? = loader.epoch(0)
    #expect(try sequence?.next()?.indices.count == 4)
    // Four taken, two batches ahead.
    expectDecoded(12, of: data)
    #expect(sequence?.imagesDelivered == 4)
    #expect((sequence?.secondsDecoding ?? 0) > 0)
    sequence = nil
    usleep(20_000)
    #expect(data.counter.decoded.withLock { $0 } == 12)
  }
}
