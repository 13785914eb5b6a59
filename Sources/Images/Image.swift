/// An 8-bit RGB image.
///
/// ```swift
/// let small = try Image(contentsOf: url).resized(width: 64, height: 64)
/// try small.write(to: URL(filePath: "small.png"))
/// ```
/// Pixels are row-major, three bytes each: red, green, blue.
public struct Image: Sendable, Equatable {
  /// The number of columns.
  public let width: Int
  /// The number of rows.
  public let height: Int
  /// width * height * 3 bytes.
  public var pixels: [UInt8]

  /// An image from its pixels.
  ///
  /// Stops when their number does not fit the size.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "an image of \(width) x \(height) pixels has \(width * height * 3) bytes, not \(pixels.count)"
    )
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// An image of one colour; default white.
  public init(width: Int, height: Int, color: SIMD3<UInt8> = SIMD3(255, 255, 255)) {
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    for index in 0..<width * height {
      for channel in 0..<3 { pixels[index * 3 + channel] = color[channel] }
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// The part with the given upper left corner and size.
  public func cropped(x: Int, y: Int, width: Int, height: Int) -> Image {
    precondition(
      x >= 0 && y >= 0 && x + width <= self.width && y + height <= self.height,
      "a crop of \(width) x \(height) at (\(x), \(y)) leaves the image of \(self.width) x "
        + "\(self.height)")
    var result: [UInt8] = []
    result.reserveCapacity(width * height * 3)
    for row in y..<y + height {
      let start = (row * self.width + x) * 3
      result += pixels[start..<start + width * 3]
    }
    return Image(width: width, height: height, pixels: result)
  }

  /// The central square of `side` pixels.
  ///
  /// An odd pixel too many is left over on the side that makes the offset even, as with
  /// torchvision's `CenterCrop`. Stops when the image is smaller.
  public func centralSquare(of side: Int) -> Image {
    cropped(
      x: centralOffset(of: side, in: width), y: centralOffset(of: side, in: height), width: side,
      height: side)
  }

  /// Every pixel repeated `factor` times in both directions.
  public func enlarged(_ factor: Int) -> Image {
    guard factor > 1 else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(pixels.count * factor * factor)
    for y in 0..<height {
      var row: [UInt8] = []
      for x in 0..<width {
        let start = (y * width + x) * 3
        for _ in 0..<factor { row += pixels[start..<start + 3] }
      }
      for _ in 0..<factor { result += row }
    }
    return Image(width: width * factor, height: height * factor, pixels: result)
  }

  /// Images of one size laid out in rows and columns on white.
  ///
  /// - Parameters:
  ///   - rows: the images, row by row; short rows stay white at the end.
  ///   - padding: pixels between and around the images; default 2.
  ///   - enlargement: repeats every pixel; default 1.
  /// - Returns: one picture; a single white pixel if there is no image.
  public static func grid(_ rows: [[Image]], padding: Int = 2, enlargement: Int = 1) -> Image {
    let columns = rows.map(\.count).max() ?? 0
    guard let first = rows.first?.first else { return Image(width: 1, height: 1) }
    let (cellWidth, cellHeight) = (first.width + padding, first.height + padding)
    var result = Image(
      width: columns * cellWidth + padding, height: rows.count * cellHeight + padding)
    for (rowIndex, row) in rows.enumerated() {
      for (column, image) in row.enumerated() {
        precondition(
          image.width == first.width && image.height == first.height,
          "the images of a grid have one size")
        for y in 0..<image.height {
          let target =
            ((rowIndex * cellHeight + padding + y) * result.width + column * cellWidth + padding)
            * 3
          let source = y * image.width * 3
          result.pixels.replaceSubrange(
            target..<target + image.width * 3, with: image.pixels[source..<source + image.width * 3]
          )
        }
      }
    }
    return result.enlarged(enlargement)
  }
}

/// Where the central `part` of `whole` pixels begins: half the difference, halves to the even number.
func centralOffset(of part: Int, in whole: Int) -> Int {
  Int((Double(whole - part) / 2).rounded(.toNearestOrEven))
}

/// An image file that cannot be read or written.
public struct ImageError: Error, CustomStringConvertible, Equatable {
  /// The path of the file.
  public let path: String
  /// What is wrong.
  public let reason: String
  /// What to do.
  public let remedy: String

  /// An error from its parts.
  public init(path: String, reason: String, remedy: String) {
    self.path = path
    self.reason = reason
    self.remedy = remedy
  }

  /// File, reason and remedy in a sentence.
  public var description: String { "\(path): \(reason); \(remedy)" }
}
