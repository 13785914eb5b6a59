import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct SafetensorsWritingTests {
  @Test("a round trip keeps every bit", arguments: [DType.float32, .float64])
  func roundTrip(_ dtype: DType) throws {
    let tensors: [(name: String, tensor: Tensor)] = [
      ("encoder.0.weight", testTensor([3, 5], dtype: dtype)),
      ("scalar", Tensor(-0.1, dtype: dtype)),
      ("nothing", .zeros([0, 4], dtype: dtype)),
      (
        "extremes \"quoted\"\n\\ ü🙂",
        Tensor(
          [.infinity, -.infinity, -0.0, 1e-38, 3.4e38, .leastNonzeroMagnitude], shape: [1, 6, 1],
          dtype: dtype)
      ),
    ]
    let metadata = ["step": "7", "quote\"\u{1}": "line\nend\t\\"]
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.safetensors")
      try SafetensorsFile(tensors, metadata: metadata).write(to: url)
      let file = try SafetensorsFile(contentsOf: url)
      #expect(file.metadata == metadata)
      #expect(Set(file.entries.map(\.name)) == Set(tensors.map(\.name)))
      for (name, tensor) in tensors {
        let read = try file.tensor(name)
        #expect(read.shape == tensor.shape && read.dtype == dtype)
        #expect(read.scalars.map(\.bitPattern) == tensor.scalars.map(\.bitPattern))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
    }
  }

  @Test func theDataBeginsAtAMultipleOfEight() throws {
    for name in ["a", "ab", "abc", "abcd", "abcde"] {
      let data = try SafetensorsFile([(name, testTensor([2, 3]))]).serialized()
      let length = data.withUnsafeBytes { UInt64(littleEndian: $0.load(as: UInt64.self)) }
      #expect(length % 8 == 0)
      #expect(data.count == 8 + Int(length) + 48)
    }
  }

  @Test func theOlderFileIsKept() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "checkpoint.safetensors")
      let previous = folder.appending(path: "previous.safetensors")
      for value in 1...3 {
        try SafetensorsFile([("a", Tensor(Double(value)))])
          .write(to: url, keepingPreviousAt: previous)
        #expect(try SafetensorsFile(contentsOf: url).tensor("a").scalar == Double(value))
        if value > 1 {
          #expect(try SafetensorsFile(contentsOf: previous).tensor("a").scalar == Double(value - 1))
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    }
  }

  /// A limit on the size of files stands for the full disk.
  @Test func aFullDiskLeavesTheOldFileWhole() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        let url = folder.appending(path: "checkpoint.safetensors")
        let previous = folder.appending(path: "previous.safetensors")
        try SafetensorsFile([("a", .ones([100]))]).write(to: url)
        let before = try Data(contentsOf: url)
        ProcessLimits.limitFileSize(to: 100_000)
        let error = try #require(throws: SafetensorsError.self) {
          try SafetensorsFile([("a", .zeros([100_000]))])
            .write(to: url, keepingPreviousAt: previous)
        }
        #expect(error.description.hasPrefix("\(url.path): it cannot be written (File too large)"))
        #expect(error.description.contains("an older file was left as it was"))
        #expect(try Data(contentsOf: url) == before)
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: folder.path)
            == ["checkpoint.safetensors"])
      }
    }
  }

  @Test func aFolderThatDoesNotExist() throws {
    let url = URL(filePath: "/nonexistent/folder/checkpoint.safetensors")
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsFile([("a", .ones([1]))]).write(to: url)
    }
    #expect(error.description.hasPrefix("/nonexistent/folder/checkpoint.safetensors: "))
    #expect(error.description.contains("No such file or directory"))
  }
}
