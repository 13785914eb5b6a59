import DataLoading
import Foundation
import Synchronization
import Tensors
import TestFolders
import Testing

@Suite struct DataLoaderTests {
  private let data = LabeledTensors(
    inputs: Tensor((0..<34).map { Double($0) }, shape: [17, 2]),
    labels: IntTensor((0..<17).map { $0 % 3 }))

  private func labels<Source: Dataset>(
    _ batches: Batches<Source>, _ count: Int
  ) throws -> [[Int]] where Source.Batch == LabeledTensors.Batch {
    try (0..<count).map { _ in
      _ = try batches.nextOfAnyEpoch()
      return batches.indices
    }
  }

  @Test("a batch has the rows and labels of its indices")
  func rows() throws {
    let batches = DataLoader(data, batchSize: 5, seed: 2).epoch(0)
    var seen: [Int] = []
    while let (inputs, labels) = try batches.next() {
      #expect(inputs.shape == [batches.indices.count, 2])
      #expect(inputs[..., 0].scalars == batches.indices.map { Double(2 * $0) })
      #expect(labels.scalars == batches.indices.map { $0 % 3 })
      seen += batches.indices
    }
    #expect(seen.count == 17 && seen.sorted() == Array(0..<17) && seen != Array(0..<17))
    #expect(seen == SampleOrder(count: 17, seed: 2).indices(ofEpoch: 0))
  }

  /// Worked out once; runs that were saved go on in this order.
  @Test func theOrderOfAnEpochIsFixed() {
    #expect(
      SampleOrder(count: 10, seed: 7).indices(ofEpoch: 3) == [5, 2, 9, 8, 7, 0, 6, 4, 1, 3])
    #expect(SampleOrder(count: 6, seed: 2).indices(ofEpoch: 1) == [4, 2, 3, 0, 1, 5])
    #expect(SampleOrder(count: 4, seed: nil).indices(ofEpoch: 9) == [0, 1, 2, 3])
  }

  @Test("the last batch is kept or dropped, and epochs follow each other")
  func lastBatches() throws {
    let kept = DataLoader(data, batchSize: 5, seed: 2)
    #expect(kept.batchesPerEpoch == 4)
    let all = try labels(kept.batches(), 8)
    #expect(all.map(\.count) == [5, 5, 5, 2, 5, 5, 5, 2])
    #expect(all[4...].flatMap { $0 } == SampleOrder(count: 17, seed: 2).indices(ofEpoch: 1))
    let dropped = DataLoader(data, batchSize: 5, seed: 2, lastBatch: .dropped)
    #expect(dropped.batchesPerEpoch == 3)
    #expect(try labels(dropped.batches(), 6) == Array(all[0..<3] + all[4..<7]))
  }

  @Test("what follows a place is what followed it", arguments: [0, 1, 3])
  func resuming(_ threads: Int) throws {
    let loader = DataLoader(data, batchSize: 4, seed: 5, threads: threads)
    let whole = try labels(loader.batches(), 12)
    for count in 0..<11 {
      let begun = loader.batches()
      _ = try labels(begun, count)
      let saved = try JSONEncoder().encode(begun.place)
      let place = try JSONDecoder().decode(LoaderPlace.self, from: saved)
      #expect(try labels(loader.batches(from: place), 12 - count) == Array(whole[count...]))
    }
  }

  @Test("subsets share nothing, and are the same each time")
  func subsets() throws {
    let (first, second) = data.split(0.75, seed: 4)
    #expect(first.count == 12 && second.count == 5)
    #expect((first.indices + second.indices).sorted() == Array(0..<17))
    #expect(first.indices == data.split(0.75, seed: 4).0.indices)
    #expect(first.indices != data.split(0.75, seed: 5).0.indices)
    #expect(second.all.labels.scalars == second.indices.map { $0 % 3 })
    let batches = DataLoader(second, batchSize: 5, seed: nil).epoch(0)
    #expect(try batches.next()?.labels.scalars == second.all.labels.scalars)
  }

  @Test("files are read on threads; those that cannot be read are named and passed over")
  func files() throws {
    let folder = try TemporaryFolder()
    let names = (0..<9).map { "\($0).txt" }
    for (index, name) in names.enumerated() where index != 4 {
      try Data("\(index * 10)".utf8).write(to: folder.url.appending(path: name))
    }
    let warnings = Mutex<[String]>([])
    let reads = Mutex<Set<String>>([])
    struct NoNumber: Error {}
    let files = FileDataset(names.reversed().map { folder.url.appending(path: $0) }) { url in
      reads.withLock { _ = $0.insert(url.lastPathComponent) }
      guard let text = try? String(contentsOf: url, encoding: .utf8), let number = Int(text) else {
        throw NoNumber()
      }
      return number
    }
    let tolerant = DataLoader(files, batchSize: 3, seed: nil, tolerance: 1) { warning in
      warnings.withLock { $0.append(warning) }
    }
    let batches = tolerant.epoch(0)
    #expect(try batches.next() == [0, 10, 20])
    #expect(try batches.next() == [30, 50, 60])
    #expect(batches.place == LoaderPlace(epoch: 0, position: 7, unreadable: 1, count: 9))
    #expect(try batches.next() == [70, 80])
    #expect(try batches.next() == nil)
    #expect(reads.withLock { $0.count } == 9)
    let lines = warnings.withLock { $0 }
    #expect(lines.count == 1 && lines[0].contains(folder.path("4.txt")), "\(lines)")
    let strict = DataLoader(files, batchSize: 6, seed: nil) { _ in }.epoch(0)
    let error = #expect(throws: UnreadableExamples.self) { try strict.next() }
    #expect(error?.description.contains("4.txt") == true)
  }

  @Test("an error ends the batches, whose place stays behind the last one", arguments: [0, 2])
  func ended(_ threads: Int) throws {
    struct Unreadable: Error {}
    let urls = (0..<8).map { URL(filePath: "/nowhere/\($0)") }
    let files = FileDataset(urls) { url in
      guard let number = Int(url.lastPathComponent), number != 4 else { throw Unreadable() }
      return number
    }
    let loader = DataLoader(files, batchSize: 3, seed: nil, threads: threads) { _ in }
    let batches = loader.batches()
    let first = try batches.next()
    #expect(first?.count == 3)
    var errors: [UnreadableExamples?] = []
    for _ in 0..<3 {
      let error = #expect(throws: UnreadableExamples.self) { try batches.next() }
      errors.append(error)
    }
    let texts = errors.map { $0?.description ?? "" }
    #expect(Set(texts).count == 1 && texts[0].contains("nowhere/4"), "\(texts)")
    #expect(batches.place == LoaderPlace(epoch: 0, position: 3, count: 8))
  }

  @Test func anEpochWithoutABatchIsAnError() throws {
    let few = DataLoader(data.subset([1, 2]), batchSize: 3, seed: 1, lastBatch: .dropped)
    let error = #expect(throws: UnreadableExamples.self) { try few.batches().nextOfAnyEpoch() }
    #expect(error?.description.contains("smaller batchSize") == true)
  }

  @Test func whatCannotBeMeantStops() async {
    let unfitting = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { _ = LabeledTensors(inputs: .zeros([3, 2]), labels: IntTensor([1, 2])) }
    let missing = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = LabeledTensors(inputs: .zeros([2, 2]), labels: IntTensor([1, 2])).subset([0, 2])
    }
    #expect(
      errorText(unfitting).contains("[3, 2]")
        && errorText(missing).contains("example 2"))
  }
}
