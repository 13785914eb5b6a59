import CImageCodecs

extension Image {
  /// The most scans of a JPEG file that are decoded, 100.
  ///
  /// Every scan visits the whole picture, whatever its length in the file: a file that is made of
  /// thousands of them would take minutes. Encoders write about ten.
  public static let scanLimit = 100

  /// The most coefficients that the scans of a JPEG file may visit together, 2^31.
  ///
  /// Twice as many took 12 s, in a file that is made for it. Progressive files of encoders visit each
  /// coefficient three or four times, which is less than the limit even for the largest picture.
  static let visitLimit = 1 << 31

  /// The pixels of a JPEG file's bytes.
  ///
  /// All warnings of the decoder are looked at: where data is missing or damaged it would go on with
  /// a guess, grey for instance, and that is an error here. Bytes that belong to no segment, which
  /// cameras and editors leave before a marker, are passed over.
  static func decodedJPEG(
    _ bytes: [UInt8], _ path: String, copies: Int, visitLimit: Int = visitLimit
  ) throws -> Image {
    var (width, height, coefficientBytes) = (0, 0, 0)
    try Image.decoding(path, "JPEG") {
      ci_jpeg_size(bytes, bytes.count, &width, &height, &coefficientBytes, $0)
    }
    let size = try Image.acceptedSize(
      width, height, bytesPerPixel: 3, copies: copies, besides: coefficientBytes,
      of: bytes.count, path)
    let pixels = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      try Image.decoding(path, "JPEG") {
        ci_jpeg_decode(bytes, bytes.count, scanLimit, visitLimit, buffer.baseAddress, $0)
      }
      count = size
    }
    return Image(width: width, height: height, pixels: pixels)
  }

  /// Calls a decoder, which returns 0 or leaves a message.
  ///
  /// - Throws: `ImageError` with the message.
  static func decoding(
    _ path: String, _ kind: String, _ body: (_ message: UnsafeMutablePointer<CChar>) -> Int32
  ) throws {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
      guard let start = message.baseAddress else { return }
      start.initialize(repeating: 0, count: message.count)
      guard body(start) != 0 else { return }
      let text = String(cString: start)
      throw ImageError(
        path: path, reason: "the \(kind) cannot be decoded (\(text))",
        remedy: text.contains("nsupported")
          ? "save it as an ordinary \(kind) with another program" : damaged)
    }
  }
}
