import CImageCodecs
import Foundation

extension Image {
  /// The largest number of pixels that is decoded, 2^27: what claims more is taken for damage.
  public static let pixelLimit = 1 << 27

  /// Decodes a PNG or JPEG file, recognised by its content.
  ///
  /// The pixels equal those of Pillow's `Image.open(file).convert("RGB")`: PNG of any kind with
  /// alpha dropped, JPEG with the accurate transform and smooth chroma upsampling. Of PNG with 16 bits
  /// a channel the upper 8 are kept, with one exception that is an oddity of Pillow's and kept for
  /// equality's sake: 16 bits of grey without alpha are not scaled but clipped at 255. A picture that
  /// uses the whole range comes out nearly white; convert it to 8 bits first.
  ///
  /// - Throws: `ImageError` naming the file when it is missing, no image, truncated or damaged.
  public init(contentsOf url: URL) throws {
    try self.init(contentsOfFile: url.path)
  }

  /// Decodes the PNG or JPEG file at a path, as `init(contentsOf:)` does.
  ///
  /// - Throws: `ImageError` naming the file when it is missing, no image, truncated or damaged.
  public init(contentsOfFile path: String) throws {
    try self.init(encoded: try Image.contents(of: path), path: path)
  }

  /// Decodes the bytes of a PNG or JPEG file; `path` is what errors call it.
  public init(encoded bytes: [UInt8], path: String) throws {
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) {
      self = try Image.decodedPNG(bytes, path)
    } else if bytes.starts(with: [0xff, 0xd8, 0xff]) {
      self = try Image.decodedJPEG(bytes, path)
    } else {
      let shown = bytes.prefix(8).map { String(format: "%02x", $0) }.joined(separator: " ")
      throw ImageError(
        path: path,
        reason: bytes.isEmpty
          ? "it is empty" : "it is neither PNG nor JPEG (it begins with \(shown))",
        remedy: "remove it from the folder or convert it to PNG or JPEG")
    }
  }

  /// The bytes of a file; one that grows or shrinks meanwhile gives what it had when it was opened.
  private static func contents(of path: String) throws -> [UInt8] {
    func failure() -> ImageError {
      ImageError(
        path: path, reason: "it cannot be read (\(String(cString: strerror(errno))))",
        remedy: "check the path and its permissions")
    }
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw failure() }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw failure() }
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
      while count < buffer.count, let base = buffer.baseAddress {
        let piece = read(file, base + count, buffer.count - count)
        if piece < 0, errno == EINTR { continue }
        if piece < 0 { failed = true }
        if piece <= 0 { break }
        count += piece
      }
    }
    guard !failed else { throw failure() }
    return bytes
  }

  /// Whether an image of this size is decoded.
  static func isAcceptable(_ width: Int, _ height: Int) -> Bool {
    width > 0 && height > 0 && width <= pixelLimit / height
  }

  /// The error for a size that is not.
  static func refusal(_ width: Int, _ height: Int, _ path: String) -> ImageError {
    ImageError(
      path: path, reason: "it claims a size of \(width) x \(height) pixels",
      remedy: "images have at least one and at most 2^27 pixels; the file may be damaged")
  }

  /// What to do about damage.
  static let damaged = "the file is truncated or damaged: copy it again or remove it"

  private struct Target {
    var width = 0
    var height = 0
    var pixels: UnsafeMutablePointer<UInt8>?
  }

  private static func decodedPNG(_ bytes: [UInt8], _ path: String) throws -> Image {
    var message = [CChar](repeating: 0, count: 256)
    var target = Target()
    defer { target.pixels?.deallocate() }
    let status = withUnsafeMutablePointer(to: &target) { target in
      ci_png_decode(
        bytes, bytes.count,
        { context, width, height in
          guard let target = context?.assumingMemoryBound(to: Target.self) else { return nil }
          target.pointee.width = width
          target.pointee.height = height
          guard Image.isAcceptable(width, height) else { return nil }
          target.pointee.pixels = .allocate(capacity: width * height * 3)
          return target.pointee.pixels
        }, target, &message)
    }
    guard status == 0, let pixels = target.pixels else {
      if target.width > 0, !isAcceptable(target.width, target.height) {
        throw refusal(target.width, target.height, path)
      }
      let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
      throw ImageError(
        path: path, reason: "the PNG cannot be decoded (\(text))", remedy: damaged)
    }
    return Image(
      width: target.width, height: target.height,
      pixels: [UInt8](
        UnsafeBufferPointer(start: pixels, count: target.width * target.height * 3)))
  }
}
