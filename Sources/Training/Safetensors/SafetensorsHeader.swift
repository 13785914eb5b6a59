import Tensors

/// A strict reader of the JSON that heads a safetensors file.
///
/// It accepts one object of objects, strings and lists of whole numbers, which is all that the
/// format allows; duplicate keys, fractions, signs and anything after the object are errors. It
/// does not recurse, and the limits below bound the memory that a header can make it allocate:
/// otherwise a few bytes of JSON could take much memory.
struct SafetensorsHeader {
  /// The largest number of tensors, and of metadata strings.
  static let entryLimit = 100_000
  /// The largest number of bytes in all names and metadata together.
  static let textLimit = 16 << 20

  /// The entry of one tensor in the header.
  struct Entry: Equatable {
    var dtype: String
    var shape: [Int]
    var begin: Int
    var end: Int
  }

  /// The reason why a header was refused.
  struct Malformed: Error {
    let reason: String
  }

  private(set) var entries: [(name: String, entry: Entry)] = []
  private(set) var metadata = SafetensorsMetadata()

  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var textBytes = 0

  /// Parses UTF-8 text.
  init(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    self.bytes = bytes
    guard bytes.first == UInt8(ascii: "{") else {
      throw Malformed(reason: "the header does not begin with '{'")
    }
    var names: Set<ExactString> = []
    try object { parser, name in
      guard names.insert(ExactString(name)).inserted else {
        throw Malformed(reason: "the name '\(name)' occurs twice")
      }
      if name == "__metadata__" {
        guard !parser.takeNull() else { return }
        try parser.object { parser, key in
          guard parser.metadata[key] == nil else {
            throw Malformed(reason: "the metadata key '\(key)' occurs twice")
          }
          parser.metadata[key] = try parser.string()
          try parser.limit(parser.metadata.count, "metadata strings")
        }
      } else {
        parser.entries.append((name, try parser.entry(name)))
        try parser.limit(parser.entries.count, "tensors")
      }
    }
    skipSpace()
    guard position == bytes.count else {
      throw Malformed(reason: "something follows the header's object at byte \(position)")
    }
  }

  private func limit(_ count: Int, _ things: String) throws {
    guard count <= SafetensorsHeader.entryLimit else {
      throw Malformed(
        reason: "the header has more than \(SafetensorsHeader.entryLimit) \(things)")
    }
  }

  private mutating func entry(_ name: String) throws -> Entry {
    var dtype: String?
    var shape: [Int]?
    var offsets: [Int]?
    try object { parser, key in
      switch key {
      case "dtype" where dtype == nil: dtype = try parser.string()
      case "shape" where shape == nil:
        shape = try parser.numbers("'\(name)' has over \(Shape.maximumRank) axes")
      case "data_offsets" where offsets == nil:
        offsets = try parser.numbers("'\(name)' has too many data_offsets")
      default: throw Malformed(reason: "'\(name)' has an unexpected or repeated key '\(key)'")
      }
    }
    guard let dtype, let shape, let offsets, offsets.count == 2 else {
      throw Malformed(reason: "'\(name)' lacks dtype, shape or two data_offsets")
    }
    return Entry(dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
  }

  // MARK: JSON

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      default: return
      }
    }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
    position += 1
    return true
  }

  private mutating func takeNull() -> Bool {
    skipSpace()
    guard bytes[position...].starts(with: "null".utf8) else { return false }
    position += 4
    return true
  }

  private mutating func require(_ character: Character) throws {
    guard take(character) else {
      throw Malformed(reason: "'\(character)' expected at byte \(position) of the header")
    }
  }

  private mutating func object(
    _ member: (inout SafetensorsHeader, String) throws -> Void
  ) throws {
    try require("{")
    if take("}") { return }
    repeat {
      let key = try string()
      try require(":")
      try member(&self, key)
    } while take(",")
    try require("}")
  }

  /// A list of at most `Shape.maximumRank` numbers; `excess` is the reason for refusing more.
  private mutating func numbers(_ excess: @autoclosure () -> String) throws -> [Int] {
    try require("[")
    if take("]") { return [] }
    var result: [Int] = []
    repeat {
      guard result.count < Shape.maximumRank else { throw Malformed(reason: excess()) }
      result.append(try number())
    } while take(",")
    try require("]")
    return result
  }

  private mutating func number() throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
      guard !overflow, !carry else {
        throw Malformed(reason: "the number at byte \(start) is too large")
      }
      value = sum
      position += 1
    }
    let next = position < bytes.count ? bytes[position] : 0
    let continues = [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(next)
    let hasLeadingZero = position > start + 1 && bytes[start] == UInt8(ascii: "0")
    guard position > start, !continues, !hasLeadingZero else {
      throw Malformed(reason: "a whole number, not negative, is expected at byte \(start)")
    }
    return value
  }

  private mutating func string() throws -> String {
    try require("\"")
    let start = position
    var escaped: [UInt8]?
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        let plain = UnsafeBufferPointer(rebasing: bytes[start..<position])
        position += 1
        let text =
          escaped.map { String(validating: $0, as: UTF8.self) }
          ?? String(validating: plain, as: UTF8.self)
        guard let text else {
          throw Malformed(reason: "the string at byte \(start) is not UTF-8")
        }
        return text
      case UInt8(ascii: "\\"):
        var content = escaped ?? Array(bytes[start..<position])
        escaped = nil
        position += 1
        content.append(contentsOf: try escape())
        escaped = content
      case ..<0x20:
        throw Malformed(reason: "a control character stands in the string at byte \(start)")
      default:
        escaped?.append(byte)
        position += 1
      }
      textBytes += 1
      guard textBytes <= SafetensorsHeader.textLimit else {
        throw Malformed(
          reason: "names and metadata take more than \(SafetensorsHeader.textLimit) bytes")
      }
    }
    throw Malformed(reason: "the string at byte \(start) does not end")
  }

  private mutating func escape() throws -> [UInt8] {
    guard position < bytes.count else { throw Malformed(reason: "the header ends in an escape") }
    let simple: [Character: UInt8] = [
      "\"": 0x22, "\\": 0x5c, "/": 0x2f, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
    ]
    let byte = bytes[position]
    position += 1
    if let plain = simple[Character(Unicode.Scalar(byte))] { return [plain] }
    guard byte == UInt8(ascii: "u") else {
      throw Malformed(reason: "unknown escape at byte \(position - 1) of the header")
    }
    var code = try hexadecimal()
    if (0xd800..<0xdc00).contains(code), position + 1 < bytes.count,
      bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
    {
      position += 2
      let low = try hexadecimal()
      guard (0xdc00..<0xe000).contains(low) else {
        throw Malformed(reason: "half a surrogate pair at byte \(position) of the header")
      }
      code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
    }
    guard let scalar = Unicode.Scalar(code) else {
      throw Malformed(reason: "half a surrogate pair at byte \(position) of the header")
    }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func hexadecimal() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count,
        let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
      else { throw Malformed(reason: "four hexadecimal digits expected at byte \(position)") }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
