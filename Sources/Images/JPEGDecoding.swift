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
    guard isAcceptable(Int(width), Int(height)) else {
      throw refusal(Int(width), Int(height), path)
    }
    let size = Int(width) * Int(height) * 3
    var status: Int32 = 0
    let pixels = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      status = tjDecompress2(
        decoder, bytes, UInt(bytes.count), buffer.baseAddress, width, 0, height,
        Int32(TJPF_RGB.rawValue), Int32(TJFLAG_ACCURATEDCT))
      // After an error some pixels may be unset; the image is not used then.
      count = status == 0 ? size : 0
    }
    // A warning, such as a premature end of data, counts as an error too.
    guard status == 0 else { throw failure() }
    return Image(width: Int(width), height: Int(height), pixels: pixels)
  }
}
