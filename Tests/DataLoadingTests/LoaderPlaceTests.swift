import DataLoading
import Foundation
import Synchronization
import Tensors
import TestFolders
import Testing

/// Places that were saved, and what a loader makes of them.
@Suite struct LoaderPlaceTests {
  private struct Unreadable: Error {}

  private func numbers(_ count: Int) -> LabeledTensors {
    LabeledTensors(inputs: .zeros([count, 2]), labels: IntTensor((0..<count).map { $0 }))
  }

  private func saved(_ place: LoaderPlace) throws -> LoaderPlace {
    try JSONDecoder().decode(LoaderPlace.self, from: JSONEncoder().encode(place))
  }

  /// Files 2, 5 and 8 of twelve cannot be read.
  private func loader(tolerance: Int, threads: Int) -> DataLoader<FileDataset<Int>> {
    let urls = (10..<22).map { URL(filePath: "/nowhere/\($0)") }
    let files = FileDataset(urls) { url in
      guard let number = Int(url.lastPathComponent), ![12, 15, 18].contains(number) else {
        throw Unreadable()
      }
      return number
    }
    return DataLoader(
      files, batchSize: 2, seed: nil, threads: threads, tolerance: tolerance
    ) { _ in }
  }

  @Test("what could not be read before an interruption counts after it", arguments: [0, 2])
  func tolerance(_ threads: Int) throws {
    let loader = loader(tolerance: 2, threads: threads)
    var (place, batches, unreadable) = (LoaderPlace(), [[Int]](), [Int]())
    let error = #expect(throws: UnreadableExamples.self) {
      // A batch, and then an interruption.
      for _ in 0..<6 {
        let begun = loader.batches(from: place)
        batches.append(try begun.nextOfAnyEpoch())
        place = try saved(begun.place)
        unreadable.append(place.unreadable)
      }
    }
    #expect(batches == [[10, 11], [13, 14], [16, 17]] && unreadable == [0, 1, 2])
    let message = error?.description ?? ""
    #expect(message.contains("/nowhere/18") && message.contains("3 examples"), "\(message)")
    // In one piece it is the same.
    let whole = loader.batches()
    for batch in batches { #expect(try whole.nextOfAnyEpoch() == batch) }
    #expect(whole.place == place)
    let other = #expect(throws: UnreadableExamples.self) { try whole.nextOfAnyEpoch() }
    #expect(other?.description == message)
  }

  @Test("every epoch has the whole tolerance, also one that is begun after an interruption")
  func nextEpochs() throws {
    let loader = loader(tolerance: 3, threads: 0)
    let begun = loader.batches()
    for _ in 0..<4 { _ = try begun.nextOfAnyEpoch() }
    #expect(begun.place == LoaderPlace(epoch: 0, position: 11, unreadable: 3, count: 12))
    let rest = loader.batches(from: try saved(begun.place))
    #expect(try rest.nextOfAnyEpoch() == [21])
    #expect(try rest.nextOfAnyEpoch() == [10, 11])
    #expect(rest.place == LoaderPlace(epoch: 1, position: 2, unreadable: 0, count: 12))
    for _ in 0..<3 { _ = try rest.nextOfAnyEpoch() }
    #expect(rest.place.unreadable == 3)
  }

  @Test("a place of a data set that has grown or shrunk is refused")
  func otherCounts() async throws {
    let grown = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      func loader(_ count: Int) -> DataLoader<LabeledTensors> {
        let labels = IntTensor([Int](repeating: 0, count: count))
        return DataLoader(
          LabeledTensors(inputs: .zeros([count, 2]), labels: labels), batchSize: 4, seed: 5)
      }
      let batches = loader(17).batches()
      for _ in 0..<6 { _ = try batches.nextOfAnyEpoch() }
      _ = loader(20).batches(from: batches.place)
    }
    for words in ["of 17 examples", "this one has 20", "LoaderPlace(epoch: 2)"] {
      #expect(
        errorText(grown).contains(words),
        "\(errorText(grown))")
    }
    let shrunk = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let few = LabeledTensors(inputs: .zeros([9, 2]), labels: IntTensor([Int](0..<9)))
      let place = LoaderPlace(epoch: 0, position: 4, count: 17)
      _ = DataLoader(few, batchSize: 4, seed: 5).batches(from: place)
    }
    #expect(
      errorText(shrunk).contains("of 17 examples")
        && errorText(shrunk).contains("this one has 9"))
    // What the message says.
    let next = DataLoader(numbers(20), batchSize: 4, seed: 5).batches(from: LoaderPlace(epoch: 2))
    _ = try next.nextOfAnyEpoch()
    #expect(next.place == LoaderPlace(epoch: 2, position: 4, count: 20))
    // The beginning of an epoch is one of any data set.
    let first = DataLoader(numbers(20), batchSize: 4, seed: 5)
      .batches(from: LoaderPlace(epoch: 2, count: 17))
    _ = try first.nextOfAnyEpoch()
    #expect(first.place == next.place && first.indices == next.indices)
  }

  @Test("places that were saved without a count are taken up")
  func formerPlaces() throws {
    let former = try JSONDecoder().decode(
      LoaderPlace.self, from: Data(#"{"epoch":1,"position":8}"#.utf8))
    #expect(former == LoaderPlace(epoch: 1, position: 8))
    let batches = DataLoader(numbers(17), batchSize: 4, seed: 5).batches(from: former)
    _ = try batches.nextOfAnyEpoch()
    #expect(try saved(batches.place) == LoaderPlace(epoch: 1, position: 12, count: 17))
    let null = Data(#"{"epoch":1,"position":8,"count":null,"unreadable":2}"#.utf8)
    #expect(
      try JSONDecoder().decode(LoaderPlace.self, from: null)
        == LoaderPlace(epoch: 1, position: 8, unreadable: 2))
  }

  @Test(
    "unreadable examples or counts that cannot be are refused",
    arguments: [#""unreadable":9"#, #""unreadable":-1"#, #""count":-1"#, #""count":"many""#])
  func damagedNumbers(_ entry: String) {
    let saved = Data("{\"epoch\":1,\"position\":8,\(entry)}".utf8)
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(LoaderPlace.self, from: saved)
    }
  }

  @Test(
    "a saved place that cannot be one is refused",
    arguments: [(-1, 0), (Int.max, 0), (0, -1), (0, Int.max)])
  func damagedPlaces(_ epoch: Int, _ position: Int) {
    let saved = Data("{\"epoch\":\(epoch),\"position\":\(position)}".utf8)
    let error = #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(LoaderPlace.self, from: saved)
    }
    #expect(error.map { "\($0)" }?.contains("must be in 0...2^40") == true)
  }

  @Test func aPlaceBeyondTheDataStops() async throws {
    let beyond = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let few = LabeledTensors(inputs: .zeros([2, 2]), labels: IntTensor([1, 2]))
      _ = DataLoader(few, batchSize: 1, seed: 1).batches(from: LoaderPlace(epoch: 0, position: 3))
    }
    #expect(errorText(beyond).contains("it was with another data set"))
    let negative = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let few = LabeledTensors(inputs: .zeros([2, 2]), labels: IntTensor([1, 2]))
      _ = DataLoader(few, batchSize: 1, seed: 1).batches(from: LoaderPlace(epoch: -1))
    }
    #expect(errorText(negative).contains("cannot begin at epoch -1"))
    let before = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let few = LabeledTensors(inputs: .zeros([2, 2]), labels: IntTensor([1, 2]))
      _ = DataLoader(few, batchSize: 1, seed: 1).batches(from: LoaderPlace(position: -1))
    }
    #expect(errorText(before).contains("cannot begin at position -1"))
    // The end is a place.
    let loader = DataLoader(numbers(17), batchSize: 5, seed: 1)
    let atEnd = loader.batches(from: LoaderPlace(epoch: 0, position: 17))
    #expect(try atEnd.next() == nil)
  }
}
