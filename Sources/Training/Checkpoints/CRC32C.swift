import Foundation

/// The cyclic redundancy check with Castagnoli's polynomial (CRC-32C).
///
/// Every change within 32 neighbouring bits changes the check value.
package struct CRC32C: Equatable, Sendable {
  /// The check value.
  package private(set) var value: UInt32 = 0

  /// The check value of an empty sequence of bytes.
  package init() {}

  /// The check value of bytes.
  package init(_ bytes: Data) { append(bytes) }

  /// Continues the check: afterwards the value is that of all bytes so far, followed by `bytes`.
  package mutating func append(_ bytes: Data) { value = CRCTables.castagnoli.check(bytes, value) }

  /// The masked value that event files store, so that records which themselves hold check values
  /// are checked as well as others.
  var masked: UInt32 { (value >> 15 | value << 17) &+ 0xa282_ead8 }

  /// Eight hexadecimal digits.
  package var digits: String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 8 - text.count) + text
  }
}

/// Remainders of the division by a polynomial of degree 32 whose bits are reflected.
struct CRCTables: Sendable {
  /// The polynomial of event files and checkpoints.
  static let castagnoli = CRCTables(polynomial: 0x82f6_3b78)
  /// The polynomial of zip archives.
  static let zip = CRCTables(polynomial: 0xedb8_8320)

  /// The remainders of all bytes, each followed by zero to seven zero bytes.
  private let tables: [UInt32]

  private init(polynomial: UInt32) {
    var tables: [UInt32] = []
    for byte in 0..<256 {
      var crc = UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? polynomial ^ crc >> 1 : crc >> 1 }
      tables.append(crc)
    }
    for entry in 256..<8 * 256 {
      let before = tables[entry - 256]
      tables.append(tables[Int(before & 0xff)] ^ before >> 8)
    }
    self.tables = tables
  }

  /// The check value of the bytes whose value is `before`, followed by `bytes`.
  ///
  /// Eight bytes are taken at a time: their remainder is the exclusive or of the remainders of each
  /// byte followed by as many zeros as bytes come after it.
  func check(_ bytes: Data, _ before: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { check($0, before) }
  }

  /// The same for bytes in memory.
  func check(_ bytes: UnsafeRawBufferPointer, _ before: UInt32 = 0) -> UInt32 {
    var crc = ~before
    tables.withUnsafeBufferPointer { tables in
      var position = 0
      while position + 8 <= bytes.count {
        let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian
        let mixed = word ^ UInt64(crc)
        crc = 0
        for byte in 0..<8 {
          crc ^=
            tables[(7 - byte) << 8 | Int(truncatingIfNeeded: mixed >> UInt64(8 * byte)) & 0xff]
        }
        position += 8
      }
      while position < bytes.count {
        crc = tables[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[position])] ^ crc >> 8
        position += 1
      }
    }
    return ~crc
  }
}
