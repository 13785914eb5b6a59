import CKernels
import Foundation
import Tensors
import TestFolders
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
    let metadata: SafetensorsMetadata = [
      "step": "7", "quote\"\u{1}": "line\nend\t\\", "caf\u{e9}": "one", "cafe\u{301}": "two",
    ]
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

  @Test("who writes the same file at the same time waits, and every version is whole")
  func atTheSameTime() async throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appending(path: "shared.safetensors")
    func file(_ writer: Int) -> SafetensorsFile {
      SafetensorsFile([("x", Tensor.full(Double(writer), [100_000 + writer]))])
    }
    try file(0).write(to: url)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 1...3 {
        group.addTask { for _ in 0..<30 { try file(writer).write(to: url) } }
      }
      for _ in 0..<100 {
        let tensor = try SafetensorsFile(contentsOf: url).tensor("x")
        #expect(tensor.scalars.allSatisfy { Int($0) == tensor.count - 100_000 })
      }
      try await group.waitForAll()
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["shared.safetensors"]
    )
  }

  @Test("the time of writing grows with the number of tensors, not with its square")
  func manyTensors() throws {
    let one = Tensor(1)
    func seconds(_ count: Int) throws -> Double {
      let file = SafetensorsFile((0..<count).map { (name: "block.\($0).weight", tensor: one) })
      let start = ck_thread_seconds()
      _ = try file.serialized()
      return ck_thread_seconds() - start
    }
    _ = try seconds(100)
    // Sixteen times as many, in this thread's own time; squared it would be 256 times.
    let few = try (0..<5).map { _ in try seconds(2_000) }.min() ?? .nan
    let many = try (0..<5).map { _ in try seconds(32_000) }.min() ?? .nan
    #expect(many < 80 * few, "\(many) s, \(few) s")
  }

  private static let integers: [(type: SafetensorsFile.ScalarType, numbers: [Int])] = [
    (.i64, [.min, -1, 0, 1, 1 << 53 + 1, .max]),
    (.i32, [Int(Int32.min), -1, 0, 1, 1 << 24 + 1, Int(Int32.max)]),
    (.i16, [Int(Int16.min), -1, 0, 1, 300, Int(Int16.max)]),
    (.i8, [-128, -1, 0, 1, 100, 127]), (.u64, [0, 1, 2, 3, 1 << 53 + 1, .max]),
    (.u32, [0, 1, 2, 3, 1 << 24 + 1, Int(UInt32.max)]),
    (.u16, [0, 1, 2, 3, 300, Int(UInt16.max)]),
    (.u8, [0, 1, 127, 128, 254, 255]), (.bool, [0, 1, 1, 0, 1, 0]),
  ]

  /// The extremes of each type, and numbers that neither float32 nor float64 hold.
  private func integerFile() -> SafetensorsFile {
    SafetensorsFile(
      Self.integers.map { entry in
        .init(entry.type.rawValue, integers: entry.numbers, shape: [2, 3], as: entry.type)
      } + [.init("steps", integers: [300], shape: []), .init("weight", testTensor([3]))])
  }

  @Test("whole numbers keep every bit")
  func integers() throws {
    let file = try SafetensorsFile(integerFile().serialized(), path: "memory")
    for (type, numbers) in Self.integers {
      let entry = try #require(file[type.rawValue])
      #expect(entry.type == type && entry.shape == [2, 3])
      #expect(entry.data.count == 6 * type.byteCount)
      #expect(entry.integers == numbers)
      #expect(entry.tensor.scalars == numbers.map { Double(Float($0)) })
    }
    #expect(file["steps"]?.integers == [300] && file["steps"]?.shape == [])
    #expect(file["weight"]?.integers == nil)
  }

  @Test("Python's reader finds the same whole numbers", .enabled(if: Python.hasSafetensors))
  func integersInPython() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "integers.safetensors")
      try integerFile().write(to: url)
      let printed = try Python.run(
        """
        import sys, safetensors.numpy
        file = safetensors.numpy.load_file(sys.argv[1])
        for name in ["I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"]:
            print(name, file[name].dtype, file[name].shape, *[int(x) for x in file[name].ravel()])
        print(file["steps"].shape, int(file["steps"]))
        """, url.path)
      let dtypes = [
        "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool",
      ]
      let expected = zip(Self.integers, dtypes).map { entry, dtype in
        "\(entry.type.rawValue) \(dtype) (2, 3) "
          + entry.numbers.map(String.init).joined(separator: " ")
      }
      #expect(printed.split(separator: "\n").map(String.init) == expected + ["() 300"])
    }
  }

  @Test("a number of U64 that Int does not hold is not passed off as another")
  func largeNumbers() throws {
    let file = try SafetensorsFile(
      safetensors(
        "{\"a\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
        dataCount: 0) + Data(repeating: 0xff, count: 8), path: "memory")
    #expect(file["a"]?.integers == nil)
    #expect(file["a"]?.tensor.scalars == [0x1p64])
  }

  @Test func aNameThatTheFormatUsesStops() async {
    let reserved = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = SafetensorsFile([("__metadata__", Tensor.zeros([1]))])
    }
    #expect(errorText(reserved).contains("a tensor cannot be called '__metadata__'"))
    let twice = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = SafetensorsFile([("a", Tensor.zeros([1])), ("a", Tensor.zeros([1]))])
    }
    #expect(errorText(twice).contains("two tensors of a file have the same name"))
  }

  @Test func numbersThatDoNotFitStop() async {
    let large = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = SafetensorsFile.Entry("a", integers: [256], shape: [1], as: .u8)
    }
    #expect(errorText(large).contains("'a': 256 is outside of U8"))
    let many = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = SafetensorsFile.Entry("a", integers: [1, 2], shape: [3])
    }
    #expect(errorText(many).contains("'a': 2 numbers do not fill the shape [3]"))
    let real = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = SafetensorsFile.Entry("a", integers: [1], shape: [1], as: .f32)
    }
    #expect(errorText(real).contains("'a': F32 holds no whole numbers"))
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
