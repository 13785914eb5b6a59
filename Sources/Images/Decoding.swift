import CImageCodecs
import Foundation

extension Image {
  /// The largest number of pixels that is decoded, 2^27; a file that claims more is taken to be
  /// damaged.
  public static let pixelLimit = 1 << 27
  /// The longest side that is decoded, 65,535 pixels, as in JPEG: resizing a picture of one column and
  /// a million rows would take thousands of times its size.
  public static let sideLimit = 65_535

  /// The number of bytes that reading an image may take in addition to its file, whatever the size
  /// of the file.
  ///
  /// There is room for 16 million pixels and for the decoder.
  static let memoryAllowance = 64 << 20
  /// The number of bytes that reading may take for each byte of a larger file.
  ///
  /// Photographs need up to some tens; a file that unfolds into more is made to fill the memory, or
  /// shows almost nothing.
  static let memoryPerByte = 256
  /// The part of these bytes that is reserved for the tables of decoders and for what is only
  /// estimated.
  private static let decoderShare = 16 << 20

  /// Decodes a PNG or JPEG file, recognised by its content.
  ///
  /// The pixels equal those of Pillow's `Image.open(file).convert("RGB")`: PNG of any kind with
  /// alpha dropped, JPEG with the accurate transform and smooth chroma upsampling. Of PNG with 16 bits
  /// a channel the upper 8 are kept, with one exception that is an oddity of Pillow's and kept for
  /// equality's sake: 16 bits of grey without alpha are not scaled but clipped at 255. A picture that
  /// uses the whole range comes out nearly white; convert it to 8 bits first.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - appliesOrientation: whether the picture is turned as its EXIF data say, as
  ///     `ImageOps.exif_transpose` does for them; default false, the pixels in the order of the file.
  /// - Throws: `ImageError` naming the file when it is missing, no image, truncated or damaged, or
  ///   when its size does not fit: more than `pixelLimit` pixels, a side above `sideLimit`, or more
  ///   memory than both 64 MiB and 256 times the file.
  public init(contentsOf url: URL, appliesOrientation: Bool = false) throws {
    try self.init(contentsOf: RawPath(url.path), appliesOrientation: appliesOrientation)
  }

  /// Decodes the PNG or JPEG file at a path, as `init(contentsOf:appliesOrientation:)` does.
  ///
  /// - Throws: `ImageError` as that does.
  public init(contentsOfFile path: String, appliesOrientation: Bool = false) throws {
    try self.init(contentsOf: RawPath(path), appliesOrientation: appliesOrientation)
  }

  /// Decodes the PNG or JPEG file at a path, as `init(contentsOf:appliesOrientation:)` does.
  ///
  /// - Throws: `ImageError` as that does.
  public init(contentsOf path: RawPath, appliesOrientation: Bool = false) throws {
    try self.init(
      encoded: try path.imageFileContents(), path: path.description,
      appliesOrientation: appliesOrientation)
  }

  /// Decodes the bytes of a PNG or JPEG file; `path` is what errors call it.
  ///
  /// - Throws: `ImageError` as `init(contentsOf:appliesOrientation:)` does.
  public init(encoded bytes: [UInt8], path: String, appliesOrientation: Bool = false) throws {
    let image = try Image(encoded: bytes, path: path, copies: appliesOrientation ? 2 : 1)
    self = appliesOrientation ? image.oriented(Orientation(ofFile: bytes)) : image
  }

  /// The pixels in the order of the file, after a check that there is room for the copies that are
  /// needed.
  init(encoded bytes: [UInt8], path: String, copies: Int) throws {
    self =
      switch try ImageFormat(of: bytes, path) {
      case .png: try Image.decodedPNG(bytes, path, copies: copies)
      case .jpeg: try Image.decodedJPEG(bytes, path, copies: copies)
      }
  }

  /// The size that a PNG or JPEG file claims, without decoding its pixels.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - appliesOrientation: whether it is that of the picture turned as the file's EXIF data say; default
  ///     false.
  /// - Returns: the number of columns and of rows.
  /// - Throws: `ImageError` naming the file when it cannot be read, is no PNG or JPEG, or claims a size that is
  ///   not decoded.
  public static func size(
    contentsOf path: RawPath, appliesOrientation: Bool = false
  ) throws -> (width: Int, height: Int) {
    let bytes = try path.imageFileContents()
    let name = path.description
    var (width, height) = (0, 0)
    switch try ImageFormat(of: bytes, name) {
    case .png:
      var header = ci_png_header()
      try decoding(name, "PNG") { ci_png_read_header(bytes, bytes.count, &header, $0) }
      (width, height) = (header.width, header.height)
    case .jpeg:
      var kept = 0
      try decoding(name, "JPEG") {
        ci_jpeg_size(bytes, bytes.count, &width, &height, &kept, $0)
      }
    }
    _ = try acceptedSize(width, height, bytesPerPixel: 3, of: bytes.count, name)
    let isTurned = appliesOrientation && Orientation(ofFile: bytes).exchangesSides
    return isTurned ? (height, width) : (width, height)
  }

  /// The bytes that the pixels of a picture take.
  ///
  /// - Parameters:
  ///   - width: the number of columns that the file claims.
  ///   - height: the number of rows.
  ///   - bytesPerPixel: the bytes of a pixel after decoding.
  ///   - copies: the number of copies that are kept.
  ///   - overhead: the number of bytes that decoding takes in addition.
  ///   - fileSize: the number of bytes of the file.
  ///   - path: the name of the file in errors.
  /// - Returns: width * height * bytesPerPixel.
  /// - Throws: `ImageError` when the size is not one that is decoded.
  static func acceptedSize(
    _ width: Int, _ height: Int, bytesPerPixel: Int, copies: Int = 1, besides overhead: Int = 0,
    of fileSize: Int, _ path: String
  ) throws -> Int {
    guard (1...sideLimit).contains(width), (1...sideLimit).contains(height),
      width * height <= pixelLimit
    else {
      throw ImageError(
        path: path, reason: "it claims a size of \(width) x \(height) pixels",
        remedy: "images have at least one and at most 2^27 pixels, and sides of at most "
          + "\(sideLimit); the file may be damaged")
    }
    // Decoders keep some rows, of up to 8 bytes a pixel.
    let needed =
      width * height * bytesPerPixel * copies + overhead + 256 * width + decoderShare
    guard needed <= max(memoryAllowance, memoryPerByte * fileSize) else {
      throw ImageError(
        path: path,
        reason: "its \(fileSize) bytes claim \(width) x \(height) pixels, which would take "
          + "\(needed) bytes to read",
        remedy: "at most \(memoryAllowance) bytes, or \(memoryPerByte) times the file, are spent "
          + "on an image: shrink it, or remove it if it was made to fill the memory")
    }
    return width * height * bytesPerPixel
  }

  /// The advice for a damaged file.
  static let damaged = "the file is truncated or damaged: copy it again or remove it"

  private static func decodedPNG(
    _ bytes: [UInt8], _ path: String, copies: Int
  ) throws -> Image {
    var header = ci_png_header()
    try decoding(path, "PNG") { ci_png_read_header(bytes, bytes.count, &header, $0) }
    let size = try acceptedSize(
      header.width, header.height, bytesPerPixel: 3, copies: copies, of: bytes.count, path)
    let pixels = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      try decoding(path, "PNG") { ci_png_decode(bytes, bytes.count, buffer.baseAddress, $0) }
      count = size
    }
    return Image(width: header.width, height: header.height, pixels: pixels)
  }
}

/// The formats that are read.
enum ImageFormat {
  case png, jpeg

  /// What the first bytes of a file say; nil for another kind of file.
  init?(of bytes: [UInt8]) {
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) {
      self = .png
    } else if bytes.starts(with: [0xff, 0xd8, 0xff]) {
      self = .jpeg
    } else {
      return nil
    }
  }

  /// What the first bytes of a file say.
  ///
  /// - Throws: `ImageError` for another kind of file.
  init(of bytes: [UInt8], _ path: String) throws {
    guard let format = ImageFormat(of: bytes) else {
      let shown = bytes.prefix(8).map { String(format: "%02x", $0) }.joined(separator: " ")
      throw ImageError(
        path: path,
        reason: bytes.isEmpty
          ? "it is empty" : "it is neither PNG nor JPEG (it begins with \(shown))",
        remedy: "remove it from the folder or convert it to PNG or JPEG")
    }
    self = format
  }
}
