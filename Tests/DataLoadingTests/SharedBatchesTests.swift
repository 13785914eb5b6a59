import Synchronization
import Tensors
import Testing

@testable import DataLoading

/// Numbers, some of which cannot be read.
private struct Numbers: Dataset {
  let count: Int
  var broken: Set<Int> = []

  struct Unreadable: Error {}

  func example(_ index: Int) throws -> Double {
    if broken.contains(index) { throw Unreadable() }
    return Double(index)
  }
  func batch(of examples: [Double]) -> Tensor { Tensor(examples, shape: [examples.count]) }
}

/// The parts of batches that processes read, beside the batches of one.
@Suite struct SharedBatchesTests {
  /// The batches of some epochs, and the places after them.
  private func whole(
    _ loader: DataLoader<Numbers>, from place: LoaderPlace, count: Int
  ) throws -> [(indices: [Int], place: LoaderPlace)] {
    let batches = loader.batches(from: place)
    return try (0..<count).map { _ in
      _ = try batches.nextOfAnyEpoch()
      return (batches.indices, batches.place)
    }
  }

  /// The same, put together from parts; what is unreadable is known to who knows all of it.
  private func shared(
    _ loader: DataLoader<Numbers>, size: Int, from place: LoaderPlace, count: Int
  ) throws -> [(indices: [Int], place: LoaderPlace)] {
    // Every process looks at the whole batch for the others: what they would say is what it sees.
    let data = loader.data
    let parts = try (0..<size).map { rank in
      let position = Mutex(place.position)
      let epoch = Mutex(place.epoch)
      let skipped = Mutex<Set<Int>>([])
      let share = BatchShare(rank: rank, size: size) { own in
        let order = loader.order.indices(ofEpoch: epoch.withLock { $0 })
        var (window, end) = ([Int](), position.withLock { $0 })
        while window.count < loader.batchSize {
          if !skipped.withLock({ $0.contains(order[end]) }) { window.append(order[end]) }
          end += 1
        }
        let failed = window.filter(data.broken.contains)
        #expect(Set(own.keys).isSubset(of: failed))
        if failed.isEmpty {
          position.withLock { $0 = end }
        } else {
          skipped.withLock { $0.formUnion(failed) }
        }
        return Dictionary(uniqueKeysWithValues: failed.map { ($0, "broken") })
      }
      let batches = SharedBatches(loader, from: place, share: share)
      return try (0..<count).map { _ in
        if try batches.next() == nil {
          batches.beginNextEpoch()
          epoch.withLock { $0 = batches.place.epoch }
          position.withLock { $0 = 0 }
          skipped.withLock { $0 = [] }
          #expect(try batches.next() != nil)
        }
        return (batches.indices, batches.place)
      }
    }
    return (0..<count).map { batch in
      #expect(Set(parts.map { $0[batch].1 }).count == 1)
      return (parts.flatMap { $0[batch].0 }, parts[0][batch].1)
    }
  }

  @Test(
    "parts put together are the batches of one process",
    arguments: [1, 2, 3, 5], [[], [4], [0, 7, 11, 19, 20]])
  func parts(_ size: Int, _ broken: [Int]) throws {
    for (threads, place) in [(2, LoaderPlace()), (0, LoaderPlace(epoch: 3, position: 5))] {
      let loader = DataLoader(
        Numbers(count: 31, broken: Set(broken)), batchSize: 5, seed: 8, lastBatch: .dropped,
        threads: threads, tolerance: 9, warn: { _ in })
      let expected = try whole(loader, from: place, count: 14)
      let found = try shared(loader, size: size, from: place, count: 14)
      #expect(found.map(\.indices) == expected.map(\.indices))
      #expect(found.map(\.place) == expected.map(\.place))
    }
  }

  @Test("more that cannot be read than is tolerated ends the sequence for all")
  func tolerance() throws {
    let loader = DataLoader(
      Numbers(count: 12, broken: [3, 5]), batchSize: 6, seed: nil, lastBatch: .dropped, threads: 1,
      tolerance: 1, warn: { _ in })
    let share = BatchShare(rank: 1, size: 2) { _ in [3: "three", 5: "five"] }
    let batches = SharedBatches(loader, from: LoaderPlace(), share: share)
    for _ in 0..<2 {
      let error = #expect(throws: UnreadableExamples.self) { try batches.next() }
      #expect(error?.count == 2 && error?.last?.contains("five") == true)
    }
    // What could not be read before the place counts too.
    let resumed = SharedBatches(
      loader, from: LoaderPlace(position: 2, unreadable: 1), share: share)
    let error = #expect(throws: UnreadableExamples.self) { try resumed.next() }
    #expect(error?.count == 2 && error?.last?.contains("three") == true)
  }
}
