import FileReading
import Foundation

/// A path as the system has it: bytes, which need not be UTF-8.
///
/// ```swift
/// let image = try Image(contentsOf: RawPath("pictures/caf\u{e9}.png"))
/// ```
/// File names from other systems may be in other encodings; a `String` cannot hold them, and repairing
/// it would name a file that is not there.
public struct RawPath: Sendable, Hashable, Comparable, ExpressibleByStringLiteral,
  CustomStringConvertible
{
  /// The bytes, without a zero at the end.
  public let bytes: [UInt8]

  /// A path from its bytes; what follows a zero byte is left out, as the system does.
  public init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes.prefix { $0 != 0 }) }

  /// A path from text.
  public init(_ text: some StringProtocol) { self.init(bytes: text.utf8) }

  /// A path from text.
  public init(stringLiteral text: String) { self.init(text) }

  /// The text; where bytes are not UTF-8, those are written as \xE9.
  public var description: String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    // Each maximal piece that is valid, and the bytes between.
    var text = ""
    var rest = bytes[...]
    while let first = rest.first {
      let length = (1...4).first { length in
        rest.count >= length && String(validating: rest.prefix(length), as: UTF8.self) != nil
      }
      if let length {
        text += String(decoding: rest.prefix(length), as: UTF8.self)
        rest = rest.dropFirst(length)
      } else {
        text += String(format: "\\x%02X", first)
        rest = rest.dropFirst()
      }
    }
    return text
  }

  /// Whether a path comes first, in the order of the bytes.
  public static func < (first: RawPath, second: RawPath) -> Bool {
    first.bytes.lexicographicallyPrecedes(second.bytes)
  }

  /// The path of something in the folder that this is the path of.
  public func appending(_ name: RawPath) -> RawPath {
    RawPath(bytes: bytes + [UInt8(ascii: "/")] + name.bytes)
  }

  /// The last component.
  public var name: RawPath {
    RawPath(bytes: bytes[(bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...])
  }

  /// What follows the last dot of the last component, in lower case; empty where there is none, or
  /// where it begins the name.
  public var ending: String {
    dot.map { String(decoding: bytes[($0 + 1)...], as: UTF8.self).lowercased() } ?? ""
  }

  /// The path with another ending, which begins with its dot.
  public func replacingEnding(with ending: String) -> RawPath {
    RawPath(bytes: bytes[..<(dot ?? bytes.endIndex)] + Array(ending.utf8))
  }

  private var dot: Int? {
    let start = bytes.count - name.bytes.count
    guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > start else { return nil }
    return dot
  }

  /// Calls `body` with the path as C has it.
  ///
  /// - Parameter body: gets the bytes and a zero behind them, which it must not keep.
  /// - Returns: what `body` returns.
  public func withCString<Result>(
    _ body: (UnsafePointer<CChar>) throws -> Result
  ) rethrows -> Result {
    try (bytes + [0]).withUnsafeBufferPointer { buffer in
      try buffer.withMemoryRebound(to: CChar.self) { characters in
        // The zero byte at the end makes it not empty.
        try body(characters.baseAddress.unsafelyUnwrapped)
      }
    }
  }
}

extension RawPath {
  /// No image file is larger, 1 GiB.
  private static let sizeLimit = 1 << 30

  /// The bytes of an image file; of other kinds of files the first ones.
  ///
  /// A file that grows or shrinks meanwhile gives what it had when it was opened. A pipe or device is
  /// not even opened: that could wait for ever, or set off what the device does.
  ///
  /// - Throws: `ImageError` naming the file when it cannot be read or is no file.
  func imageFileContents() throws -> [UInt8] {
    do {
      let file = try RegularFile(bytes)
      let start = try file.bytes(0..<8)
      guard ImageFormat(of: start) != nil else { return start }
      guard file.size <= RawPath.sizeLimit else {
        throw ImageError(
          path: description, reason: "it has \(file.size) bytes",
          remedy: "images of up to 2^30 bytes are read; shrink or remove it")
      }
      return try file.bytes(8..<max(8, file.size), after: start)
    } catch let fault as RegularFile.Fault {
      throw ImageError(
        path: description, reason: fault.reason,
        remedy: fault.isFolder
          ? "give PNG or JPEG files, such as those in it"
          : fault.isOfOtherKind
            ? "remove it, or give a PNG or JPEG file" : "check the path and its permissions")
    }
  }
}
