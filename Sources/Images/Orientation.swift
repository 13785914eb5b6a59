/// How the rows of a picture lie in its file, as cameras note it (EXIF 2.32, tag 0x0112).
///
/// ```swift
/// let upright = image.oriented(.turnedRight)   // what was a column becomes a row
/// ```
public enum Orientation: Int, Sendable, CaseIterable {
  /// The rows lie as the picture is to be seen.
  case upright = 1
  /// Left and right are exchanged.
  case mirrored = 2
  /// It is seen when it is turned by half a turn.
  case upsideDown = 3
  /// Top and bottom are exchanged.
  case flipped = 4
  /// Rows and columns are exchanged.
  case transposed = 5
  /// It is seen when it is turned a quarter clockwise.
  case turnedRight = 6
  /// Rows and columns are exchanged along the other diagonal.
  case transverse = 7
  /// It is seen when it is turned a quarter anticlockwise.
  case turnedLeft = 8

  /// Whether width and height of the picture are height and width of the file's.
  public var exchangesSides: Bool { rawValue >= Orientation.transposed.rawValue }

  /// What the EXIF data in a PNG or JPEG file say; `.upright` where they say nothing that makes sense.
  ///
  /// In JPEG they are in a segment APP1, in PNG in the chunk eXIf.
  public init(ofFile bytes: [UInt8]) {
    let exif =
      switch ImageFormat(of: bytes) {
      case .png: Orientation.exifOfPNG(bytes)
      case .jpeg: Orientation.exifOfJPEG(bytes)
      case nil: bytes.prefix(0)
      }
    self = Orientation(exif: exif) ?? .upright
  }

  /// The first segment that begins with "Exif", without this name.
  private static func exifOfJPEG(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    let name = Array("Exif\0\0".utf8)
    var position = 2
    while position + 4 <= bytes.count {
      let marker = bytes[position + 1]
      // Bytes that belong to no segment, fill bytes, and markers without a length.
      guard bytes[position] == 0xff, marker != 0xff, marker != 0, !(0xd0...0xd8).contains(marker)
      else {
        position += 1
        continue
      }
      if marker == 0xda || marker == 0xd9 { break }
      let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      let content = bytes[(position + 4)...].prefix(max(0, length - 2))
      if marker == 0xe1, content.starts(with: name) { return content.dropFirst(name.count) }
      position += 2 + max(2, length)
    }
    return bytes.prefix(0)
  }

  private static func exifOfPNG(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    var position = 8
    while position + 8 <= bytes.count {
      let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let content = bytes[(position + 8)...].prefix(length)
      if bytes[position + 4..<position + 8].elementsEqual("eXIf".utf8) {
        // Some programs write the name of JPEG's segment before it.
        let name = Array("Exif\0\0".utf8)
        return content.starts(with: name) ? content.dropFirst(name.count) : content
      }
      position += 12 + length
    }
    return bytes.prefix(0)
  }

  /// The entry of a TIFF header's first directory; nil where there is none.
  private init?(exif: ArraySlice<UInt8>) {
    let bytes = Array(exif)
    let isLittleEndian: Bool
    if bytes.starts(with: [0x49, 0x49, 0x2a, 0]) {
      isLittleEndian = true
    } else if bytes.starts(with: [0x4d, 0x4d, 0, 0x2a]) {
      isLittleEndian = false
    } else {
      return nil
    }
    func number(_ count: Int, at position: Int) -> Int? {
      guard position >= 0, position + count <= bytes.count else { return nil }
      let piece = bytes[position..<position + count]
      return (isLittleEndian ? Array(piece.reversed()) : Array(piece)).reduce(0) {
        $0 << 8 | Int($1)
      }
    }
    guard let directory = number(4, at: 4), let entries = number(2, at: directory) else {
      return nil
    }
    for entry in 0..<entries {
      let start = directory + 2 + 12 * entry
      guard let tag = number(2, at: start), let type = number(2, at: start + 2) else { return nil }
      guard tag == 0x0112, type == 3 || type == 4,
        let value = number(type == 3 ? 2 : 4, at: start + 8)
      else { continue }
      self.init(rawValue: value)
      return
    }
    return nil
  }
}

extension Orientation {
  /// The place in a file of `width` x `height` pixels whose pixel is to be seen at (x, y).
  func source(_ x: Int, _ y: Int, _ width: Int, _ height: Int) -> (x: Int, y: Int) {
    let (lastX, lastY) = (width - 1, height - 1)
    return switch self {
    case .upright: (x, y)
    case .mirrored: (lastX - x, y)
    case .upsideDown: (lastX - x, lastY - y)
    case .flipped: (x, lastY - y)
    case .transposed: (y, x)
    case .turnedRight: (y, lastY - x)
    case .transverse: (lastX - y, lastY - x)
    case .turnedLeft: (lastX - y, x)
    }
  }
}

extension Image {
  /// The picture as it is to be seen, where `orientation` says how it lies.
  public func oriented(_ orientation: Orientation) -> Image {
    guard orientation != .upright else { return self }
    let (newWidth, newHeight) = orientation.exchangesSides ? (height, width) : (width, height)
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { buffer, count in
      for y in 0..<newHeight {
        for x in 0..<newWidth {
          let (oldX, oldY) = orientation.source(x, y, width, height)
          let start = (oldY * width + oldX) * 3
          for channel in 0..<3 { buffer[count + channel] = pixels[start + channel] }
          count += 3
        }
      }
    }
    return Image(width: newWidth, height: newHeight, pixels: result)
  }
}
