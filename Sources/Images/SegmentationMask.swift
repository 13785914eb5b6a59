/// Which object each pixel belongs to; 0 is the background.
///
/// ```swift
/// let mask = try SegmentationMask(contentsOf: RawPath("masks/17.png"))
/// mask.objectCount   // 5
/// ```
public struct SegmentationMask: Sendable, Equatable {
  /// The number of pixels that belong to nothing known, and take part in no score.
  public static let ignored = UInt16.max

  /// The number of columns.
  public let width: Int
  /// The number of rows.
  public let height: Int
  /// width * height object numbers, row-major; 0 for the background, `ignored` for pixels that do not
  /// count.
  public let ids: [UInt16]

  /// A mask from its object numbers.
  ///
  /// Stops when their number does not fit the size.
  public init(width: Int, height: Int, ids: [UInt16]) {
    precondition(
      ids.count == width * height,
      "a mask of \(width) x \(height) pixels has \(width * height) numbers, not \(ids.count)")
    self.width = width
    self.height = height
    self.ids = ids
  }

  /// The mask that a picture encodes in its red channel.
  ///
  /// 0 is the background; every other value that occurs is an object, and objects are numbered from
  /// 1 in the order of their values. So the values themselves are free: 1, 2, 3, or grey levels
  /// that are easy to see.
  public init(redChannelOf image: Image) {
    var occurs = [Bool](repeating: false, count: 256)
    for index in stride(from: 0, to: image.pixels.count, by: 3) {
      occurs[Int(image.pixels[index])] = true
    }
    occurs[0] = false
    var numbers = [UInt16](repeating: 0, count: 256)
    var next: UInt16 = 1
    for value in 1..<256 where occurs[value] {
      numbers[value] = next
      next += 1
    }
    self.init(
      width: image.width, height: image.height,
      ids: (0..<image.width * image.height).map { numbers[Int(image.pixels[$0 * 3])] })
  }

  /// The number of different objects, without the background and what is ignored.
  public var objectCount: Int { Set(ids).subtracting([0, SegmentationMask.ignored]).count }

  /// The part with the given upper left corner and size.
  ///
  /// Stops when it leaves the mask.
  public func cropped(x: Int, y: Int, width: Int, height: Int) -> SegmentationMask {
    precondition(
      x >= 0 && y >= 0 && x + width <= self.width && y + height <= self.height,
      "a crop of \(width) x \(height) at (\(x), \(y)) leaves the mask of \(self.width) x "
        + "\(self.height)")
    let rows = (y..<y + height).flatMap {
      ids[$0 * self.width + x..<$0 * self.width + x + width]
    }
    return SegmentationMask(width: width, height: height, ids: rows)
  }

  /// The mask at another size; each pixel takes the number of the nearest one.
  public func resized(width newWidth: Int, height newHeight: Int) -> SegmentationMask {
    guard newWidth != width || newHeight != height else { return self }
    return resampled(width: newWidth, columns: 0..<newWidth, height: newHeight, rows: 0..<newHeight)
  }

  /// The part `columns` x `rows` of the mask at the new size.
  private func resampled(
    width newWidth: Int, columns: Range<Int>, height newHeight: Int, rows: Range<Int>
  ) -> SegmentationMask {
    var result: [UInt16] = []
    result.reserveCapacity(columns.count * rows.count)
    for y in rows {
      let row = (2 * y + 1) * height / (2 * newHeight) * width
      for x in columns {
        result.append(ids[row + (2 * x + 1) * width / (2 * newWidth)])
      }
    }
    return SegmentationMask(width: columns.count, height: rows.count, ids: result)
  }

  /// The central square of `side` pixels, where `Image.centralSquare(of:)` cuts it.
  ///
  /// Stops when the mask is smaller.
  public func centralSquare(of side: Int) -> SegmentationMask {
    cropped(
      x: centralOffset(of: side, in: width), y: centralOffset(of: side, in: height), width: side,
      height: side)
  }

  /// The mask of `Image.resizedShortSide(to:)`; what is cut off is not computed.
  public func resizedShortSide(to size: Int) -> SegmentationMask {
    let (newWidth, newHeight) = Image.shortSideExtents(width, height, size)
    let (x, y) = (centralOffset(of: size, in: newWidth), centralOffset(of: size, in: newHeight))
    return resampled(
      width: newWidth, columns: x..<x + size, height: newHeight, rows: y..<y + size)
  }

  /// A picture of the mask: black background, a colour for each object, and grey for what is ignored.
  ///
  /// Eight colours come back darker: read by colour, the picture tells up to 64 objects apart.
  public var image: Image {
    let colors: [SIMD3<Float>] = [
      SIMD3(230, 60, 50), SIMD3(70, 130, 240), SIMD3(80, 190, 90), SIMD3(245, 200, 60),
      SIMD3(170, 90, 210), SIMD3(60, 200, 205), SIMD3(250, 140, 50), SIMD3(240, 120, 180),
    ]
    var pixels: [UInt8] = []
    pixels.reserveCapacity(ids.count * 3)
    for id in ids {
      let color: SIMD3<Float>
      switch id {
      case 0: color = SIMD3(repeating: 0)
      case SegmentationMask.ignored: color = SIMD3(repeating: 128)
      default:
        let (round, place) = (Int(id) - 1).quotientAndRemainder(dividingBy: colors.count)
        color = colors[place] * (1 - 0.115 * Float(round % colors.count))
      }
      for channel in 0..<3 { pixels.append(UInt8(color[channel].rounded())) }
    }
    return Image(width: width, height: height, pixels: pixels)
  }
}
