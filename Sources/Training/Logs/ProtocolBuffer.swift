import Foundation

/// A protocol-buffer message that is being written, field by field.
///
/// A field is its number and wire type in one varint (number << 3 | type), then its value.
struct ProtocolBuffer {
  private(set) var bytes = Data()

  /// A double: wire type 1, eight bytes.
  mutating func append(field: Int, _ value: Double) {
    append(varint: UInt64(field << 3 | 1))
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// A float: wire type 5, four bytes.
  mutating func append(field: Int, _ value: Float) {
    append(varint: UInt64(field << 3 | 5))
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// An integer: wire type 0, a varint of its 64 bits.
  mutating func append(field: Int, _ value: Int) {
    append(varint: UInt64(field << 3))
    append(varint: UInt64(bitPattern: Int64(value)))
  }

  /// Bytes: wire type 2, length and contents.
  mutating func append(field: Int, _ value: Data) {
    append(varint: UInt64(field << 3 | 2))
    append(varint: UInt64(value.count))
    bytes.append(value)
  }

  /// A string: as bytes.
  mutating func append(field: Int, _ value: String) { append(field: field, Data(value.utf8)) }

  /// A message within this one: as bytes.
  mutating func append(field: Int, _ fill: (inout ProtocolBuffer) -> Void) {
    var message = ProtocolBuffer()
    fill(&message)
    append(field: field, message.bytes)
  }

  /// Seven bits a byte, the lowest first; the eighth bit says that more follow.
  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest > 0x7f {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
