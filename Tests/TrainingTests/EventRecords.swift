import Foundation

@testable import Training

/// Event files read back, by code that shares nothing with the writer but the checksum.
enum EventRecords {
  struct Damaged: Error {
    let reason: String
  }

  /// A field's value in a protocol-buffer message.
  enum Field: Equatable {
    case integer(UInt64)
    case eight(UInt64)
    case four(UInt32)
    case bytes(Data)

    /// The message that the bytes are.
    var message: [Int: [Field]] {
      get throws {
        guard case .bytes(let data) = self else { throw Damaged(reason: "no message") }
        return try EventRecords.message(data)
      }
    }
  }

  /// The messages of a file, their checksums compared.
  static func read(_ url: URL) throws -> [[Int: [Field]]] {
    var rest = try Data(contentsOf: url)
    var result: [[Int: [Field]]] = []
    func take(_ count: Int) throws -> Data {
      guard rest.count >= count else { throw Damaged(reason: "the record is cut off") }
      defer { rest = Data(rest.dropFirst(count)) }
      return Data(rest.prefix(count))
    }
    while !rest.isEmpty {
      let length = try take(8)
      guard number(try take(4)) == UInt64(CRC32C(length).masked) else {
        throw Damaged(reason: "checksum of a length")
      }
      let data = try take(Int(number(length)))
      guard number(try take(4)) == UInt64(CRC32C(data).masked) else {
        throw Damaged(reason: "checksum of a message")
      }
      result.append(try message(data))
    }
    return result
  }

  private static func number(_ bytes: Data) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func message(_ data: Data) throws -> [Int: [Field]] {
    var rest = data[...]
    func varint() throws -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while let byte = rest.popFirst() {
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      throw Damaged(reason: "a varint is cut off")
    }
    func take(_ count: Int) throws -> Data {
      guard rest.count >= count else { throw Damaged(reason: "a field is cut off") }
      defer { rest = rest.dropFirst(count) }
      return Data(rest.prefix(count))
    }
    var fields: [Int: [Field]] = [:]
    while !rest.isEmpty {
      let key = try varint()
      let field: Field =
        switch key & 7 {
        case 0: .integer(try varint())
        case 1: .eight(number(try take(8)))
        case 2: .bytes(try take(Int(try varint())))
        case 5: .four(UInt32(number(try take(4))))
        default: throw Damaged(reason: "wire type \(key & 7)")
        }
      fields[Int(key >> 3), default: []].append(field)
    }
    return fields
  }
}
