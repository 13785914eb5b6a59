import CImageCodecs

/// How the pixels of a mask's file name objects.
public enum MaskEncoding: Sendable, Equatable {
  /// Each different value of a pixel is an object, and 0 the background.
  ///
  /// The value is the number of the colour where the file has a palette, as in PASCAL VOC and DAVIS;
  /// the grey level, of up to 16 bits; and for colours R + 256 G + 256² B, which COCO panoptic calls
  /// the segment's id. `ignoring` is a value whose pixels belong to nothing known: 255 is that in the
  /// palettes of VOC, and 0 in COCO panoptic, where what has no label is black.
  case values(ignoring: Int? = nil)
  /// Each value of the red channel but 0 is an object; the other channels mean nothing.
  case redChannel
}

extension SegmentationMask {
  /// The most colours that are taken for objects: a photograph or smoothed edges have more.
  private static let colorLimit = 4096

  /// Reads a mask from a PNG file.
  ///
  /// Objects are numbered from 1 in the order of their values, so that the values themselves are free.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - encoding: how pixels name objects; default by their values, with none ignored.
  ///   - appliesOrientation: whether the mask is turned as its own EXIF data say; default false.
  /// - Throws: `ImageError` naming the file when it cannot be read, or when its pixels do not tell
  ///   objects apart: JPEG, whose compression changes values, more than 4096 colours, or colours that
  ///   differ in their opacity only.
  public init(
    contentsOf path: RawPath, encoding: MaskEncoding = .values(), appliesOrientation: Bool = false
  ) throws {
    let bytes = try path.imageFileContents()
    try self.init(
      encoded: bytes, path: path.description, encoding: encoding,
      appliesOrientation: appliesOrientation)
  }

  /// Reads a mask from the bytes of a PNG file; `path` is what errors call it.
  ///
  /// - Throws: `ImageError` as `init(contentsOf:encoding:appliesOrientation:)` does.
  public init(
    encoded bytes: [UInt8], path: String, encoding: MaskEncoding = .values(),
    appliesOrientation: Bool = false
  ) throws {
    let mask: SegmentationMask
    switch encoding {
    case .redChannel:
      mask = SegmentationMask(
        // The numbers of objects, twice, take less than a second copy.
        redChannelOf: try Image(encoded: bytes, path: path, copies: 2))
    case .values(let ignored):
      guard try ImageFormat(of: bytes, path) == .png else {
        throw ImageError(
          path: path, reason: "it is a JPEG, whose compression changes the numbers of objects",
          remedy: "masks are PNG files: export them again without loss")
      }
      mask = try SegmentationMask(png: bytes, path: path, ignoring: ignored)
    }
    self = appliesOrientation ? mask.oriented(Orientation(ofFile: bytes)) : mask
  }

  private init(png bytes: [UInt8], path: String, ignoring ignored: Int?) throws {
    let samples = try PNGSamples(encoded: bytes, path: path)
    let values = try samples.values(path)
    let all = Set(values.distinct)
    let isColor = samples.channels >= 3
    let limit = isColor ? SegmentationMask.colorLimit : Int(SegmentationMask.ignored) - 1
    guard all.count <= limit else {
      throw ImageError(
        path: path,
        reason: "it has \(all.count) different \(isColor ? "colours" : "values"), too many to be "
          + "objects: \(samples.description)",
        remedy: "a mask gives each object one \(isColor ? "colour" : "value"); export it without "
          + "smoothing, or remove it if it is a photograph")
    }
    let ignored = ignored.flatMap { UInt64(exactly: $0) }
    let objects = all.subtracting([0]).filter { $0 != ignored }.sorted()
    var numbers: [UInt64: UInt16] = [0: 0]
    for (position, value) in objects.enumerated() { numbers[value] = UInt16(position + 1) }
    if let ignored { numbers[ignored] = SegmentationMask.ignored }
    let table = values.distinct.map { numbers[$0] ?? 0 }
    self.init(
      width: samples.width, height: samples.height, ids: values.indices.map { table[Int($0)] })
  }

  /// The mask of `Image.oriented(_:)`.
  public func oriented(_ orientation: Orientation) -> SegmentationMask {
    let (newWidth, newHeight) = orientation.exchangesSides ? (height, width) : (width, height)
    var result: [UInt16] = []
    result.reserveCapacity(ids.count)
    for y in 0..<newHeight {
      for x in 0..<newWidth {
        let (oldX, oldY) = orientation.source(x, y, width, height)
        result.append(ids[oldY * width + oldX])
      }
    }
    return SegmentationMask(width: newWidth, height: newHeight, ids: result)
  }
}

/// The samples of a PNG file as they are stored.
private struct PNGSamples: CustomStringConvertible {
  let width: Int
  let height: Int
  let channels: Int
  let bits: Int
  let isPalette: Bool
  /// A byte each, or two in the machine's order where there are 16 bits.
  private let bytes: [UInt8]

  init(encoded file: [UInt8], path: String) throws {
    var header = ci_png_header()
    try Image.decoding(path, "PNG") { ci_png_read_header(file, file.count, &header, $0) }
    let bytesPerSample = header.bits == 16 ? 2 : 1
    // Up to three numbers of two bytes for each pixel are made of the samples.
    let pixels = min(header.width, Image.sideLimit) * min(header.height, Image.sideLimit)
    let size = try Image.acceptedSize(
      header.width, header.height, bytesPerPixel: Int(header.channels) * bytesPerSample,
      besides: 6 * pixels, of: file.count, path)
    bytes = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      try Image.decoding(path, "PNG") {
        ci_png_decode_samples(file, file.count, buffer.baseAddress, $0)
      }
      count = size
    }
    (width, height) = (header.width, header.height)
    (channels, bits) = (Int(header.channels), Int(header.bits))
    isPalette = header.is_palette != 0
  }

  /// "8 bits of RGB", as errors have it.
  var description: String {
    let kind =
      isPalette ? "a palette" : ["grey", "grey with alpha", "RGB", "RGB with alpha"][channels - 1]
    return "\(bits) \(bits == 1 ? "bit" : "bits") of \(kind), \(width) x \(height) pixels"
  }

  /// The different values, without alpha, and for each pixel which of them it has.
  ///
  /// - Throws: `ImageError` where a colour occurs with several alphas: what is transparent may be
  ///   another object or none.
  func values(_ path: String) throws -> (distinct: [UInt64], indices: [UInt16]) {
    let bytesPerSample = bits == 16 ? 2 : 1
    let hasAlpha = channels % 2 == 0
    let shift = UInt64(8 * bytesPerSample)
    var distinct: [UInt64] = []
    var alphas: [UInt64] = []
    var indices: [UInt16] = []
    indices.reserveCapacity(width * height)
    var known: [UInt64: Int] = [:]
    var last: (value: UInt64, index: Int)?
    try bytes.withUnsafeBytes { buffer in
      for pixel in 0..<width * height {
        func sample(_ channel: Int) -> UInt64 {
          let place = (pixel * channels + channel) * bytesPerSample
          return bytesPerSample == 1
            ? UInt64(buffer[place])
            : UInt64(buffer.loadUnaligned(fromByteOffset: place, as: UInt16.self))
        }
        var value: UInt64 = 0
        for channel in (0..<(hasAlpha ? channels - 1 : channels)).reversed() {
          value = value << shift | sample(channel)
        }
        let index: Int
        if let last, last.value == value {
          index = last.index
        } else if let found = known[value] {
          index = found
        } else {
          index = distinct.count
          guard index <= Int(UInt16.max) else {
            throw ImageError(
              path: path, reason: "it has more than 65,536 different colours: \(description)",
              remedy: "a mask gives each object one colour; remove it if it is a photograph")
          }
          known[value] = index
          distinct.append(value)
          if hasAlpha { alphas.append(sample(channels - 1)) }
        }
        last = (value, index)
        if hasAlpha, alphas[index] != sample(channels - 1) {
          throw ImageError(
            path: path,
            reason: "the value \(value) occurs both with opacity \(alphas[index]) and with "
              + "\(sample(channels - 1)): \(description)",
            remedy: "export the mask without alpha, with a value of its own for each object")
        }
        indices.append(UInt16(index))
      }
    }
    return (distinct, indices)
  }
}
