import Foundation
import Testing

@testable import Training

/// Bytes that must be refused, and a part of the reason.
struct Malformed: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let data: Data
  let reason: String

  init(_ description: String, _ data: Data, _ reason: String) {
    testDescription = description
    self.data = data
    self.reason = reason
  }

  /// A header that is wrong, with four bytes of data.
  init(_ description: String, header: String, _ reason: String) {
    self.init(description, safetensors(header, dataCount: 4), reason)
  }

  /// One tensor 'a' with the given fields, with four bytes of data.
  init(_ description: String, fields: String, _ reason: String) {
    self.init(description, header: "{\"a\":{\(fields)}}", reason)
  }
}

private let good = #""dtype":"F32","shape":[1],"data_offsets":[0,4]"#
private func tensor(_ name: String, _ begin: Int, _ end: Int) -> String {
  "\"\(name)\":{\"dtype\":\"U8\",\"shape\":[\(max(end - begin, 0))],\"data_offsets\":[\(begin),\(end)]}"
}

private let malformed: [Malformed] = [
  Malformed("an empty file", Data(), "0 bytes, fewer than the 8"),
  Malformed("seven bytes", Data(count: 7), "7 bytes, fewer than the 8"),
  Malformed(
    "a header over the limit", safetensors("{}", dataCount: 0, length: 100_000_001),
    "100000001 bytes, over the limit of 100,000,000"),
  Malformed(
    "the largest length", safetensors("{}", dataCount: 0, length: .max),
    "18446744073709551615 bytes, over the limit"),
  Malformed(
    "a header past the end", safetensors("{}", dataCount: 0, length: 3),
    "claims 3 bytes, but the file has only 10"),
  Malformed("no header", Data(count: 8), "does not begin with '{'"),
  Malformed("a list", header: "[]", "does not begin with '{'"),
  Malformed("space in front", header: " {}", "does not begin with '{'"),
  Malformed(
    "bad UTF-8", safetensors(Data("{\"".utf8) + [0xff, 0xc0] + Data("\":1}".utf8), dataCount: 0),
    "not UTF-8"),
  Malformed(
    "bad UTF-8 beside an escape",
    safetensors(Data("{\"\\n".utf8) + [0xc3] + Data("\":1}".utf8), dataCount: 0), "not UTF-8"),
  Malformed("a header that stops", header: "{\"a\":{\(good)}", "'}' expected"),
  Malformed("a string that stops", header: "{\"a", "does not end"),
  Malformed("an escape that stops", header: "{\"a\\", "ends in an escape"),
  Malformed("an unknown escape", header: #"{"\x41":1}"#, "unknown escape"),
  Malformed("a signed hexadecimal escape", header: #"{"\u+041":1}"#, "four hexadecimal digits"),
  Malformed("half a surrogate pair", header: #"{"\ud83d":1}"#, "half a surrogate pair"),
  Malformed("two high surrogates", header: #"{"\ud83d\ud83d":1}"#, "half a surrogate pair"),
  Malformed("a control character", header: "{\"a\u{1}\":1}", "control character"),
  Malformed("a comma too many", header: "{\"a\":{\(good)},}", "'\"' expected"),
  Malformed("a missing colon", header: "{\"a\"{\(good)}}", "':' expected"),
  Malformed("text after the object", header: "{\"a\":{\(good)}} x", "something follows"),
  Malformed("a second object", header: "{\"a\":{\(good)}}{}", "something follows"),
  Malformed("the same name twice", header: "{\"a\":{\(good)},\"a\":{\(good)}}", "'a' occurs twice"),
  Malformed(
    "the same name, escaped", header: "{\"a\":{\(good)},\"\\u0061\":{\(good)}}", "'a' occurs twice"),
  Malformed(
    "metadata twice", header: #"{"__metadata__":{},"__metadata__":{}}"#,
    "'__metadata__' occurs twice"),
  Malformed(
    "a metadata key twice", header: #"{"__metadata__":{"k":"1","k":"2"}}"#,
    "metadata key 'k' occurs twice"),
  Malformed("metadata of numbers", header: #"{"__metadata__":{"k":1}}"#, "'\"' expected"),
  Malformed(
    "a key twice", fields: #""dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]"#,
    "repeated key 'dtype'"),
  Malformed(
    "an unknown key", fields: good + #","order":"C""#, "unexpected or repeated key 'order'"),
  Malformed("no dtype", fields: #""shape":[1],"data_offsets":[0,4]"#, "lacks dtype"),
  Malformed("no shape", fields: #""dtype":"F32","data_offsets":[0,4]"#, "lacks dtype, shape"),
  Malformed("no offsets", fields: #""dtype":"F32","shape":[1]"#, "lacks dtype, shape or two"),
  Malformed(
    "one offset", fields: #""dtype":"F32","shape":[1],"data_offsets":[4]"#, "two data_offsets"),
  Malformed(
    "three offsets", fields: #""dtype":"F32","shape":[1],"data_offsets":[0,4,4]"#,
    "two data_offsets"),
  Malformed(
    "an unknown dtype", fields: #""dtype":"F9_E4M3","shape":[4],"data_offsets":[0,4]"#,
    "unknown dtype 'F9_E4M3'"),
  Malformed(
    "a negative extent", fields: #""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#,
    "not negative"),
  Malformed(
    "a negative offset", fields: #""dtype":"F32","shape":[1],"data_offsets":[-4,0]"#,
    "not negative"),
  Malformed(
    "a fraction", fields: #""dtype":"F32","shape":[1.0],"data_offsets":[0,4]"#, "a whole number"),
  Malformed(
    "an exponent", fields: #""dtype":"F32","shape":[1e0],"data_offsets":[0,4]"#, "a whole number"),
  Malformed(
    "a leading zero", fields: #""dtype":"F32","shape":[01],"data_offsets":[0,4]"#, "a whole number"),
  Malformed(
    "a string for a number", fields: #""dtype":"F32","shape":["1"],"data_offsets":[0,4]"#,
    "a whole number"),
  Malformed(
    "null for a shape", fields: #""dtype":"F32","shape":null,"data_offsets":[0,4]"#, "'[' expected"),
  Malformed(
    "a number over 2^63",
    fields: #""dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]"#,
    "too large"),
  Malformed(
    "a product that overflows",
    fields: #""dtype":"F32","shape":[2147483647,2147483647,4],"data_offsets":[0,4]"#,
    "overflows"),
  Malformed(
    "an extent beyond 2^31 beside a 0",
    fields: #""dtype":"F32","shape":[0,4294967296],"data_offsets":[0,0]"#,
    "extent 4294967296, over the limit of 2147483647"),
  Malformed(
    "nine axes", fields: #""dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]"#,
    "'a' has over 8 axes"),
  Malformed(
    "a size that does not fit the shape",
    fields: #""dtype":"F32","shape":[2],"data_offsets":[0,4]"#,
    "4 bytes of data, but shape [2] of F32 needs 8"),
  Malformed(
    "an end before the beginning", fields: #""dtype":"F32","shape":[1],"data_offsets":[4,0]"#,
    "begins at 4, after its end at 0"),
  Malformed(
    "data past the end", safetensors("{\(tensor("a", 0, 5))}", dataCount: 4),
    "ends at 5, but the file has only 4 bytes of data: it is truncated"),
  Malformed(
    "tensors that overlap", header: "{\(tensor("a", 0, 3)),\(tensor("b", 2, 4))}",
    "'b' begins at 2, but the tensors before it end at 3"),
  Malformed(
    "the same data twice", header: "{\(tensor("a", 0, 4)),\(tensor("b", 0, 4))}",
    "begins at 0, but the tensors before it end at 4"),
  Malformed(
    "a gap", header: "{\(tensor("a", 0, 2)),\(tensor("b", 3, 4))}",
    "'b' begins at 3, but the tensors before it end at 2"),
  Malformed(
    "a gap in front", header: "{\(tensor("a", 1, 4))}",
    "'a' begins at 1, but the tensors before it end at 0"),
  Malformed("bytes after the last tensor", header: "{\(tensor("a", 0, 3))}", "1 bytes follow"),
  Malformed("data of no tensor", header: "{}", "4 bytes follow"),
]

@Suite struct SafetensorsRejectionTests {
  @Test("is refused", arguments: malformed)
  func isRefused(_ file: Malformed) throws {
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsFile(file.data, path: "runs/model.safetensors")
    }
    #expect(error.reason.contains(file.reason), "\(error.reason)")
    #expect(error.description.hasPrefix("runs/model.safetensors: "))
    #expect(error.description.contains("copy it again"))
  }

  @Test("a dtype of the format that is not supported is not called damage")
  func unsupportedTypes() throws {
    for (name, bytes) in [("F8_E4M3", 4), ("F8_E5M2", 4), ("C64", 32)] {
      let header = "{\"a\":{\"dtype\":\"\(name)\",\"shape\":[4],\"data_offsets\":[0,\(bytes)]}}"
      let error = try #require(throws: SafetensorsError.self) {
        try SafetensorsFile(safetensors(header, dataCount: bytes), path: "model.safetensors")
      }
      #expect(error.reason.contains("'a' has the dtype \(name), which is not supported"))
      #expect(!error.description.contains("damaged"), "\(error)")
    }
  }

  @Test(
    "a file of PyTorch is called one", arguments: [[0x50, 0x4b, 3, 4], [0x80, 2], [0x80, 4]])
  func pyTorch(_ start: [UInt8]) throws {
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsFile(Data(start) + Data(count: 100), path: "model.pt")
    }
    #expect(error.description.contains("ImportPublishedWeights.md"), "\(error)")
  }

  /// What the refused files vary is itself accepted.
  @Test func theUnchangedFileIsAccepted() throws {
    let file = try SafetensorsFile(safetensors("{\"a\":{\(good)}}", dataCount: 4), path: "good")
    #expect(file.entries.count == 1)
    // Names differ by their bytes: a letter with an accent, and a letter and an accent.
    let names = "{\(tensor("caf\u{e9}", 0, 1)),\(tensor("cafe\u{301}", 1, 4))}"
    let accents = try SafetensorsFile(safetensors(names, dataCount: 4), path: "good")
    #expect(accents.entries.map(\.shape) == [[1], [3]])
    #expect(accents["caf\u{e9}"]?.shape == [1] && accents["cafe\u{301}"]?.shape == [3])
    // And so do the keys of metadata.
    let keys =
      "{\"__metadata__\":{\"cafe\u{301}\":\"two\",\"caf\u{e9}\":\"one\"},\"a\":{\(good)}}"
    let described = try SafetensorsFile(safetensors(keys, dataCount: 4), path: "good")
    #expect(described.metadata.count == 2)
    #expect(described.metadata["caf\u{e9}"] == "one")
    #expect(described.metadata["cafe\u{301}"] == "two")
    let null = try SafetensorsFile(
      safetensors("{\"__metadata__\": null, \"a\":{\(good)}}", dataCount: 4), path: "good")
    #expect(null.entries.count == 1 && null.metadata.isEmpty)
    let both = safetensors("{\(tensor("b", 2, 4)),\(tensor("a", 0, 2))}", dataCount: 4)
    #expect(try SafetensorsFile(both, path: "good").entries.map(\.name) == ["a", "b"])
    #expect(try SafetensorsFile(safetensors("{}", dataCount: 0), path: "empty").entries.isEmpty)
  }

  @Test func aTruncatedFileIsRefusedAtEveryLength() throws {
    let whole = safetensors("{\"a\":{\(good)}}   ", dataCount: 4)
    for count in 0..<whole.count {
      #expect(throws: SafetensorsError.self, "\(count) bytes") {
        try SafetensorsFile(whole.prefix(count), path: "short")
      }
    }
  }
}
