import Images

/// How a picture of any size becomes a square one.
public enum Framing: Sendable, Equatable {
  /// All of it, resized without regard to its proportions.
  case whole
  /// The shorter side is resized to the image size, then the centre is cut out.
  case shortSide
  /// The central square of that many pixels, resized.
  ///
  /// With `ofWidth` and `height` the picture is resized to these first, as the CLEVR experiments do
  /// (192 of 320 x 240).
  case centerCrop(Int, ofWidth: Int? = nil, height: Int? = nil)

  /// The square image of `size` x `size` pixels.
  ///
  /// - Throws: `DatasetError` naming `path` when the picture is smaller than the crop.
  func square(_ image: Image, size: Int, path: String) throws -> Image {
    switch self {
    case .whole:
      return image.resized(width: size, height: size)
    case .shortSide:
      return image.resizedShortSide(to: size)
    case .centerCrop(let side, let width, let height):
      let scaled = image.resized(width: width ?? image.width, height: height ?? image.height)
      try expectFits(side, scaled.width, scaled.height, path)
      return scaled.centralSquare(of: side).resized(width: size, height: size)
    }
  }

  /// The mask of `square(_:size:path:)`: the nearest pixel's object, never a mixture.
  func square(_ mask: SegmentationMask, size: Int, path: String) throws -> SegmentationMask {
    switch self {
    case .whole:
      return mask.resized(width: size, height: size)
    case .shortSide:
      return mask.resizedShortSide(to: size)
    case .centerCrop(let side, let width, let height):
      let scaled = mask.resized(width: width ?? mask.width, height: height ?? mask.height)
      try expectFits(side, scaled.width, scaled.height, path)
      return scaled.centralSquare(of: side).resized(width: size, height: size)
    }
  }

  private func expectFits(_ side: Int, _ width: Int, _ height: Int, _ path: String) throws {
    guard side >= 1, side <= min(width, height) else {
      throw DatasetError(
        path: path,
        reason: "a centre crop of \(side) pixels does not fit into \(width) x \(height)",
        remedy: "choose a crop between 1 and \(min(width, height)), or none")
    }
  }
}
