import CTurboJPEG

extension Image {
  /// The pixels of a JPEG file's bytes.
  ///
  /// Every image gets a decoder of its own, which takes microseconds: one that has been used keeps
  /// the tables of the last file, and a damaged file would spoil those that follow it.
  static func decodedJPEG(_ bytes: [UInt8], _ path: String) throws -> Image {
    guard let decoder = tjInitDecompress() else {
      throw ImageError(
        path: path, reason: "the JPEG decoder cannot start", remedy: "free some memory")
    }
    defer { tjDestroy(decoder) }
    func message() -> String {
      tjGetErrorStr2(decoder).map { String(cString: $0) } ?? "unknown error"
    }
    func failure() -> ImageError {
      ImageError(
        path: path, reason: "the JPEG cannot be decoded (\(message()))", remedy: damaged)
    }
    var (width, height, subsampling, colors) = (Int32(0), Int32(0), Int32(0), Int32(0))
    guard
      tjDecompressHeader3(
        decoder, bytes, UInt(bytes.count), &width, &height, &subsampling, &colors) == 0
    else { throw failure() }
    guard isAcceptable(Int(width), Int(height)) else {
      throw refusal(Int(width), Int(height), path)
    }
    let isFourfold =
      colors == Int32(TJCS_CMYK.rawValue) || colors == Int32(TJCS_YCCK.rawValue)
    let size = Int(width) * Int(height) * (isFourfold ? 4 : 3)
    var isWhole = false
    let pixels = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      let status = tjDecompress2(
        decoder, bytes, UInt(bytes.count), buffer.baseAddress, width, 0, height,
        Int32((isFourfold ? TJPF_CMYK : TJPF_RGB).rawValue), Int32(TJFLAG_ACCURATEDCT))
      // A warning, such as a premature end of data, is an error too, except that cameras and editors
      // leave bytes behind a whole image, which other readers accept in silence.
      isWhole =
        status == 0
        || (tjGetErrorCode(decoder) == Int32(TJERR_WARNING.rawValue)
          && message().contains("extraneous bytes before marker"))
      count = isWhole ? size : 0
    }
    guard isWhole else { throw failure() }
    return Image(
      width: Int(width), height: Int(height),
      pixels: isFourfold ? colorsOfInk(pixels) : pixels)
  }

  /// RGB from what a JPEG with four inks holds, 255 minus the amount of each: for each of the first
  /// three, paper = its value times that of black.
  ///
  /// As Pillow computes it, k - (255 - c) k / 255 with the quotient rounded.
  private static func colorsOfInk(_ inks: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: inks.count / 4 * 3) { buffer, count in
      for pixel in 0..<inks.count / 4 {
        let black = Int(inks[pixel * 4 + 3])
        for channel in 0..<3 {
          let product = (255 - Int(inks[pixel * 4 + channel])) * black + 128
          buffer[pixel * 3 + channel] = UInt8(black - (((product >> 8) + product) >> 8))
        }
      }
      count = inks.count / 4 * 3
    }
  }
}
