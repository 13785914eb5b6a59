import Foundation

/// The cyclic redundancy check of Castagnoli's polynomial (reflected: 0x82f63b78).
struct CRC32C {
  /// The check value.
  let value: UInt32

  /// The check value of bytes.
  init(_ bytes: Data) {
    value = ~bytes.reduce(~0) { crc, byte in
      CRC32C.table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8
    }
  }

  /// The value as event files store it, so that the check of a record that holds checks is no
  /// special number.
  var masked: UInt32 { (value >> 15 | value << 17) &+ 0xa282_ead8 }

  /// The remainders of all bytes.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? 0x82f6_3b78 ^ crc >> 1 : crc >> 1 }
  }
}
