import Foundation

extension JSONDecoder {
  /// The value that JSON holds which anybody may have written.
  ///
  /// Foundation's decoder traps where the last byte opens more brackets than it takes (512), because it then
  /// looks for the line of the byte after it. So it gets the end of a line besides, which is no part of a
  /// value; and UTF-16 and UTF-32, which it would convert first, are refused, as the standard of JSON has it.
  ///
  /// - Throws: `DecodingError` when the bytes hold no such value.
  func decodeUntrusted<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    // Of these bytes JSON in UTF-8 has none; in UTF-16 or UTF-32 some are zero, or the mark at the start.
    guard data.allSatisfy({ 0x01...0xfd ~= $0 }) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: [], debugDescription: "it is no JSON in UTF-8"))
    }
    return try decode(type, from: data + Data("\n".utf8))
  }
}
