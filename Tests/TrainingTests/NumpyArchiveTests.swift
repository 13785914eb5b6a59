import Foundation
import Tensors
import TestFolders
import Testing

@testable import Training

@Suite struct NumpyArchiveTests {
  private func fixture(_ name: String) throws -> URL {
    try #require(
      Bundle.module.url(forResource: name, withExtension: "npz", subdirectory: "Fixtures"))
  }

  @Test("arrays, stored and deflated", arguments: ["stored", "deflated"])
  func arrays(_ name: String) throws {
    let archive = try NumpyArchive(contentsOf: fixture(name))
    let (mu, sigma) = (try archive.tensor("mu"), try archive.tensor("sigma"))
    #expect(mu.shape == [3] && mu.dtype == .float64 && mu.scalars == [0.5, -1.25, 3])
    #expect(sigma.shape == [3, 3])
    #expect(sigma.scalars == [2, 0.5, -0.25, 0.5, 1, 0.125, -0.25, 0.125, 4])
  }

  @Test func otherOrdersAndTypes() throws {
    let archive = try NumpyArchive(contentsOf: fixture("columns"))
    #expect(try archive.tensor("mu").dtype == .float32)
    let sigma = try archive.tensor("sigma")
    #expect(sigma.shape == [2, 3] && sigma.scalars == [0, 1, 2, 3, 4, 5])
    let long = try archive.tensor("long")
    #expect(long.shape == [16000])
    let numbers = long.scalars
    #expect((0..<4000).allSatisfy { numbers[$0] == Double($0 % 100) })
    #expect(numbers[7000...].allSatisfy { $0 == 0 })
    // The first of numpy.random.default_rng(0).random(3000).
    #expect(numbers[4000] == 0.6369616873214543)
    for name in ["words", "nothing"] {
      let error = #expect(throws: NumpyArchive.Failure.self) { try archive.tensor(name) }
      #expect(error?.description.contains("'\(name)'") == true)
    }
  }

  @Test("no damage is passed over, and none stops the program")
  func damage() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "changed.npz")
    var generator = Philox(seed: 3)
    for name in ["stored", "deflated"] {
      let whole = try Data(contentsOf: fixture(name))
      let good = try NumpyArchive(contentsOf: fixture(name))
      let expected = try ["mu", "sigma"].map { try good.tensor($0).scalars }
      for trial in 0..<400 {
        var bytes = whole
        if trial % 4 == 0 {
          bytes = bytes.prefix(Int(generator.next() % UInt64(whole.count)))
        } else {
          bytes[Int(generator.next() % UInt64(whole.count))] = UInt8(
            truncatingIfNeeded: generator.next())
        }
        try bytes.write(to: url)
        do {
          let archive = try NumpyArchive(contentsOf: url)
          let found = try ["mu", "sigma"].map { try archive.tensor($0).scalars }
          #expect(found == expected, "\(name), trial \(trial)")
        } catch is NumpyArchive.Failure {}
      }
    }
  }

  @Test("arrays longer than what decompression keeps", arguments: [false, true])
  func longArrays(isDeflated: Bool) throws {
    let numbers = (0..<50_000).map { $0 % 9000 < 5000 ? 0 : Double($0) / 7 }
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "long.npz")
      try npz(
        [
          SavedArray("matrix", shape: [200, 250], numbers), SavedArray("none", shape: [0], []),
          SavedArray("word", shape: [], [2.5]),
        ], deflated: isDeflated
      ).write(to: url)
      let archive = try NumpyArchive(contentsOf: url)
      #expect(try archive.shape("matrix") == [200, 250])
      #expect(try archive.tensor("matrix").scalars == numbers)
      #expect(try archive.tensor("none").shape == [0])
      #expect(try archive.tensor("word").scalars == [2.5])
    }
  }

  @Test("blocks without a byte are read, but not any number of them")
  func emptyBlocks() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "blocks.npz")
      let array = SavedArray("a", shape: [3], [1, 2, 3])
      try npz([array], deflated: true, emptyBlocks: 500).write(to: url)
      #expect(try NumpyArchive(contentsOf: url).tensor("a").scalars == [1, 2, 3])
      try npz([array], deflated: true, emptyBlocks: 1000).write(to: url)
      let error = #expect(throws: NumpyArchive.Failure.self) {
        try NumpyArchive(contentsOf: url).tensor("a")
      }
      #expect(error?.reason.hasPrefix("the array 'a' has 5") == true, "\(error as Any)")
    }
  }

  @Test("of many names eight are told, and of a long one none")
  func names() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "names.npz")
      let names = (0..<11).map { "a\($0 + 10)" } + [String(repeating: "b", count: 300)]
      try npz(names.map { SavedArray($0, shape: [1], [1]) }).write(to: url)
      let error = #expect(throws: NumpyArchive.Failure.self) {
        try NumpyArchive(contentsOf: url).tensor("mu")
      }
      let told = (10..<18).map { "\"a\($0).npy\"" }.joined(separator: ", ")
      #expect(
        error?.reason == "it has no array 'mu' (it has [\(told)] and 3 more)", "\(error as Any)")
    }
  }

  /// The size of the network's features, of which the covariance has 32 MiB; and the largest array.
  @Test(
    "reading takes at most the file's size and 64 MiB, however small the file is",
    arguments: [[2048, 2048], [5_000_000]], [false, true])
  func memory(shape: [Int], isDeflated: Bool) async throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "zeros.npz")
    try npz([SavedArray(zeros: "a", shape: shape)], deflated: isDeflated).write(to: url)
    await #expect(processExitsWith: .success) { [path = url.path as String, isDeflated] in
      let url = URL(filePath: path)
      let size = try #require(url.resourceValues(forKeys: [.fileSizeKey]).fileSize)
      #expect(isDeflated ? size < 1 << 19 : size > 1 << 24)
      let before = try ProcessLimits.residentBytes
      let tensor = try NumpyArchive(contentsOf: url).tensor("a")
      // Mapped pages of the file count as well.
      let used = try ProcessLimits.peakResidentBytes - before
      #expect(tensor.largestMagnitude == 0)
      #expect(used <= size + 64 << 20, "\(used >> 20) MiB for a file of \(size >> 10) KiB")
    }
    withExtendedLifetime(folder) {}
  }
}
