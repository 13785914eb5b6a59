import Foundation
import Tensors

/// The checksums by which a checkpoint notices that its bytes have changed.
///
/// There is a line of text for each tensor, and one for the metadata under a name that no tensor
/// can have. A line has eight hexadecimal digits (CRC-32C), a space, and the name. A tensor without
/// a line, as in files of other programs, is not checked.
struct CheckpointChecksums: Sendable {
  /// The key of the checksums in the metadata.
  static let key = "checksums"
  private static let metadataName = "__metadata__"

  /// The digits by name.
  private let digits: [ExactString: String]

  /// The checksums of tensors and metadata; the metadata do not include the checksums themselves.
  static func text(_ entries: [SafetensorsFile.Entry], _ metadata: SafetensorsMetadata) -> String {
    let digits = Workers.map(entries.count) { CRC32C(entries[$0].data).digits }
    let lines = zip(entries, digits).map { "\($1) \($0.name)" }
    return (lines + ["\(self.digits(of: metadata)) \(metadataName)"]).joined(separator: "\n")
  }

  /// The checksums that the metadata of a file hold.
  init(_ metadata: SafetensorsMetadata) {
    let lines = Data((metadata[CheckpointChecksums.key] ?? "").utf8).split(separator: 0x0a)
    digits = Dictionary(
      lines.compactMap { line in
        guard line.count > 9, line[line.startIndex + 8] == 0x20 else { return nil }
        func text(_ bytes: Data) -> String { String(decoding: bytes, as: UTF8.self) }
        return (ExactString(text(line.dropFirst(9))), text(line.prefix(8)))
      }, uniquingKeysWith: { first, _ in first })
  }

  /// The name of what has changed since the file was written; nil if nothing has.
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

  /// The checksum of keys and values in the order of the keys' bytes, each followed by a zero byte.
  private static func digits(of metadata: SafetensorsMetadata) -> String {
    var check = CRC32C()
    for (key, value) in metadata where key != self.key {
      check.append(Data("\(key)\0\(value)\0".utf8))
    }
    return check.digits
  }
}
