import Foundation

extension JSONDecoder {
  /// The value that JSON holds which anybody may have written.
  ///
  /// Foundation's decoder traps where the last byte opens more brackets than it takes (512), because it then
  /// looks for the line of the byte after it. So it gets the end of a line besides, which is no part of a
  /// value; and what is not UTF-8, which it would convert first, is refused, as the standard of JSON has it.
  ///
  /// - Throws: `DecodingError` when the bytes hold no such value.
  func decodeUntrusted<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    // No byte of UTF-8 is 0xfe or above, and none of JSON is 0.
    guard data.allSatisfy({ 0x01...0xfd ~= $0 }) else {
      throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "it is not UTF-8"))
    }
    return try decode(type, from: data + Data("\n".utf8))
  }
}
