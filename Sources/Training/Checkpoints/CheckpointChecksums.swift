import Foundation
import Tensors

/// The checks by which a checkpoint notices that bytes of it have changed.
///
/// A line of text for each tensor, and one for the metadata under the name that no tensor can have:
/// eight hexadecimal digits (CRC-32C), a space, the name. What has no line is not checked, such as
/// files that others wrote.
struct CheckpointChecksums: Sendable {
  /// The metadata's key.
  static let key = "checksums"
  private static let metadataName = "__metadata__"

  /// Digits by names.
  private let digits: [ExactString: String]

  /// The lines for tensors and for metadata, which do not hold the lines themselves.
  static func text(_ entries: [SafetensorsFile.Entry], _ metadata: SafetensorsMetadata) -> String {
    let digits = Workers.map(entries.count) { CRC32C(entries[$0].data).digits }
    let lines = zip(entries, digits).map { "\($1) \($0.name)" }
    return (lines + ["\(self.digits(of: metadata)) \(metadataName)"]).joined(separator: "\n")
  }

  /// What a file's metadata say.
  init(_ metadata: SafetensorsMetadata) {
    let lines = Data((metadata[CheckpointChecksums.key] ?? "").utf8).split(separator: 0x0a)
    digits = Dictionary(
      lines.compactMap { line in
        guard line.count > 9, line[line.startIndex + 8] == 0x20 else { return nil }
        func text(_ bytes: Data) -> String { String(decoding: bytes, as: UTF8.self) }
        return (ExactString(text(line.dropFirst(9))), text(line.prefix(8)))
      }, uniquingKeysWith: { first, _ in first })
  }

  /// What has changed since the file was written; nil for nothing.
  func damage(_ entries: [SafetensorsFile.Entry], _ metadata: SafetensorsMetadata) -> String? {
    if let expected = expected(CheckpointChecksums.metadataName),
      expected != CheckpointChecksums.digits(of: metadata)
    {
      return "its metadata have changed since it was written"
    }
    let names = Set(entries.map { ExactString($0.name) })
    for name in digits.keys.sorted()
    where !names.contains(name) && name != ExactString(CheckpointChecksums.metadataName) {
      return "'\(name.text)', with which it was written, is missing"
    }
    let isWhole = Workers.map(entries.count) { index in
      expected(entries[index].name).map { $0 == CRC32C(entries[index].data).digits } ?? true
    }
    return isWhole.firstIndex(of: false).map {
      "the numbers of '\(entries[$0].name)' have changed since it was written"
    }
  }

  private func expected(_ name: String) -> String? { digits[ExactString(name)] }

  /// Of keys and values in the order of the keys' bytes, each followed by a zero.
  private static func digits(of metadata: SafetensorsMetadata) -> String {
    var check = CRC32C()
    for (key, value) in metadata where key != self.key {
      check.append(Data("\(key)\0\(value)\0".utf8))
    }
    return check.digits
  }
}
