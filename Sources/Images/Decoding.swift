import CImageCodecs
import CTurboJPEG
import Foundation

extension Image {
  /// The largest number of pixels that is decoded, 2^27: what claims more is taken for damage.
  public static let pixelLimit = 1 << 27

  /// Decodes a PNG or JPEG file, recognised by its content.
  ///
  /// The pixels equal those of Pillow's `Image.open(file).convert("RGB")`: PNG of any kind with
  /// alpha dropped, JPEG with the accurate transform and smooth chroma upsampling.
  ///
  /// - Throws: `ImageError` naming the file when it is missing, no image, truncated or damaged.
  public init(contentsOf url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw ImageError(
        path: url.path, reason: "it cannot be read (\(error.localizedDescription))",
        remedy: "check the path and its permissions")
    }
    try self.init(encoded: [UInt8](data), path: url.path)
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

  private static func checked(_ width: Int, _ height: Int, _ path: String) throws {
    guard width > 0, height > 0, width <= pixelLimit / height else {
      throw ImageError(
        path: path, reason: "it claims a size of \(width) x \(height) pixels",
        remedy: "images have at least one and at most 2^27 pixels; the file may be damaged")
    }
  }

  private static let damaged = "the file is truncated or damaged: copy it again or remove it"

  private static func decodedPNG(_ bytes: [UInt8], _ path: String) throws -> Image {
    var message = [CChar](repeating: 0, count: 256)
    func failure() -> ImageError {
      let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
      return ImageError(path: path, reason: "the PNG cannot be decoded (\(text))", remedy: damaged)
    }
    var (width, height) = (0, 0)
    guard ci_png_size(bytes, bytes.count, &width, &height, &message) == 0 else { throw failure() }
    try checked(width, height, path)
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    guard ci_png_decode(bytes, bytes.count, &pixels, &message) == 0 else { throw failure() }
    return Image(width: width, height: height, pixels: pixels)
  }

  private static func decodedJPEG(_ bytes: [UInt8], _ path: String) throws -> Image {
    guard let decoder = tjInitDecompress() else {
      throw ImageError(
        path: path, reason: "the JPEG decoder cannot start", remedy: "free some memory")
    }
    defer { tjDestroy(decoder) }
    func failure() -> ImageError {
      let text = tjGetErrorStr2(decoder).map { String(cString: $0) } ?? "unknown error"
      return ImageError(path: path, reason: "the JPEG cannot be decoded (\(text))", remedy: damaged)
    }
    var (width, height, subsampling, colors) = (Int32(0), Int32(0), Int32(0), Int32(0))
    guard
      tjDecompressHeader3(
        decoder, bytes, UInt(bytes.count), &width, &height, &subsampling, &colors) == 0
    else { throw failure() }
    guard colors != Int32(TJCS_CMYK.rawValue), colors != Int32(TJCS_YCCK.rawValue) else {
      throw ImageError(
        path: path, reason: "the JPEG holds CMYK colours", remedy: "convert it to RGB")
    }
    try checked(Int(width), Int(height), path)
    var pixels = [UInt8](repeating: 0, count: Int(width) * Int(height) * 3)
    // A warning, such as a premature end of data, counts as an error too.
    guard
      tjDecompress2(
        decoder, bytes, UInt(bytes.count), &pixels, width, 0, height,
        Int32(TJPF_RGB.rawValue), Int32(TJFLAG_ACCURATEDCT)) == 0
    else { throw failure() }
    return Image(width: Int(width), height: Int(height), pixels: pixels)
  }
}
