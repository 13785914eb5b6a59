import Foundation
import Tensors
import TestFolders
import Testing

@testable import Training

/// Files made to harm: each of these tests has a process of its own.
@Suite struct SafetensorsHostileTests {
  @Test("500 mutated files give errors or tensors")
  func mutations() async {
    await #expect(processExitsWith: .success) {
      let original = try SafetensorsFile(
        [
          ("encoder.weight", Tensor.full(0.5, [3, 4])), ("bias", Tensor.ones([4])),
          ("scale", Tensor(2, dtype: .float64)),
        ], metadata: ["step": "300", "config": "{\"width\": 4}"]
      ).serialized()
      let tokens = [
        "9223372036854775807", "4294967296", "2147483648", "-1", "1e9", "0", "\"", "{", "}", "[",
        "]", "\\u", "\\ud800", "null", "BF16", "I64", "__metadata__", "[0,0]", ",", "\u{0}",
      ]
      var generator = Philox(seed: 20)
      let number = { (limit: Int) -> Int in
        Int(generator.uniform(in: 0...1) * Double(max(limit, 1)) * (1 - 1e-12))
      }
      var (refused, accepted) = (0, 0)
      for round in 0..<500 {
        var bytes = [UInt8](original)
        for _ in 0...number(3) {
          // Three mutations of four hit the header, where the decisions are taken.
          let position = number(number(4) == 0 ? bytes.count : min(bytes.count, 260))
          let end = min(bytes.count, position + 1 + number(12))
          switch number(6) {
          case 0: bytes[position] ^= UInt8(1 << number(8))
          case 1: bytes[position] = UInt8(number(256))
          case 2: bytes.removeSubrange(position..<end)
          case 3: bytes.insert(contentsOf: bytes[position..<end], at: position)
          case 4: bytes.replaceSubrange(position..<end, with: tokens[number(tokens.count)].utf8)
          default: bytes.removeLast(number(bytes.count / 2))
          }
          if bytes.count < 9 { bytes += [UInt8](repeating: 0x7b, count: 9) }
        }
        // Half of the files claim the length that their header now has, to get past that check.
        if round % 2 == 0, let end = bytes.lastIndex(of: UInt8(ascii: "}")), end > 8 {
          withUnsafeBytes(of: UInt64(end + 1 - 8).littleEndian) {
            bytes.replaceSubrange(0..<8, with: $0)
          }
        }
        do {
          let file = try SafetensorsFile(Data(bytes), path: "mutated")
          for entry in file.entries { _ = entry.tensor.scalars }
          accepted += 1
        } catch {
          #expect(error is SafetensorsError)
          refused += 1
        }
      }
      #expect(refused > 300 && accepted > 3, "\(refused) refused, \(accepted) accepted")
    }
  }

  /// A header, repeated until it fills forty million bytes: the beginning, a part by number, the end.
  struct Hostile: Sendable, Codable, CustomTestStringConvertible {
    let testDescription: String
    let first: String
    let part: String
    let last: String
  }

  static let hostile = [
    Hostile(testDescription: "spaces", first: "{", part: "                ", last: "}"),
    Hostile(
      testDescription: "tensors", first: "{\"\":" + entry, part: ",\"#\":" + entry, last: "}"),
    Hostile(
      testDescription: "metadata", first: "{\"__metadata__\":{\"\":\"\"", part: ",\"#\":\"\"",
      last: "}}"),
    Hostile(
      testDescription: "a shape", first: "{\"a\":{\"dtype\":\"U8\",\"shape\":[0", part: ",0,0,0,0",
      last: "],\"data_offsets\":[0,0]}}"),
    Hostile(
      testDescription: "a long name", first: "{\"", part: "aaaaaaaa",
      last: "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
    Hostile(
      testDescription: "a long escaped name", first: "{\"", part: "\\naaaaaa",
      last: "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
    Hostile(testDescription: "brackets", first: "{\"a\":", part: "{\"a\":", last: "}"),
  ]
  private static let entry = "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"

  /// Mapped pages of the file count as well, so this is stricter than a bound on what is allocated.
  @Test("reading takes at most the file's size and 64 MiB", arguments: hostile)
  func memory(_ hostile: Hostile) async throws {
    let folder = try TemporaryFolder()
    await #expect(processExitsWith: .success) {
      [hostile, path = folder.path("hostile.safetensors") as String] in
      let url = URL(filePath: path)
      let size = try SafetensorsHostileTests.write(hostile, bytes: 40_000_000, to: url)
      let before = try ProcessLimits.residentBytes
      _ = try? SafetensorsFile(contentsOf: url)
      let used = try ProcessLimits.peakResidentBytes - before
      #expect(used <= size + 64 << 20, "\(used >> 20) MiB for a file of \(size >> 20) MiB")
    }
    withExtendedLifetime(folder) {}
  }

  /// Writes the file piece by piece, so that making it does not hide what reading it takes.
  fileprivate static func write(_ hostile: Hostile, bytes: Int, to url: URL) throws -> Int {
    try Data().write(to: url)
    let file = try FileHandle(forWritingTo: url)
    try file.write(contentsOf: Data(count: 8))
    var count = 0
    var piece = Array(hostile.first.utf8)
    let parts = hostile.part.split(separator: "#").map { Array($0.utf8) }
    var number = 0
    while count < bytes {
      piece += parts[0]
      for rest in parts.dropFirst() { piece += Array(String(number, radix: 36).utf8) + rest }
      number += 1
      if piece.count > 1 << 16 {
        count += piece.count
        try file.write(contentsOf: piece)
        piece.removeAll(keepingCapacity: true)
      }
    }
    try file.write(contentsOf: Data(hostile.last.utf8))
    count += hostile.last.utf8.count
    try file.seek(toOffset: 0)
    try file.write(contentsOf: withUnsafeBytes(of: UInt64(count).littleEndian) { Data($0) })
    try file.close()
    return count + 8
  }
}
