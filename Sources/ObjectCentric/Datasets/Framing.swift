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

  /// The square picture of `size` x `size` pixels; of a mask the nearest pixel's object, never a mixture.
  ///
  /// - Throws: `DatasetError` naming `path` when the picture is smaller than the crop.
  func square<Picture: Framed>(_ picture: Picture, size: Int, path: String) throws -> Picture {
    switch self {
    case .whole:
      return picture.resized(width: size, height: size)
    case .shortSide:
      return picture.resizedShortSide(to: size)
    case .centerCrop(let side, let width, let height):
      try expectFits(width: picture.width, height: picture.height, path: path)
      return picture.resized(width: width ?? picture.width, height: height ?? picture.height)
        .centralSquare(of: side).resized(width: size, height: size)
    }
  }

  /// Whether what is cut out depends on the number of pixels that the picture has.
  var countsPixels: Bool {
    if case .centerCrop(_, nil, nil) = self { return true }
    return false
  }

  /// Looks whether the crop, if there is one, fits into a picture of that many pixels.
  ///
  /// - Throws: `DatasetError` naming `path` when it does not.
  func expectFits(width: Int, height: Int, path: String) throws {
    guard case .centerCrop(let side, let fixedWidth, let fixedHeight) = self else { return }
    let (width, height) = (fixedWidth ?? width, fixedHeight ?? height)
    guard side >= 1, side <= min(width, height) else {
      throw DatasetError(
        path: path,
        reason: "a centre crop of \(side) pixels does not fit into \(width) x \(height)",
        remedy: "choose a crop between 1 and \(min(width, height)), or none")
    }
  }
}

/// What is framed: images, and their masks in the same way.
protocol Framed {
  var width: Int { get }
  var height: Int { get }
  func resized(width newWidth: Int, height newHeight: Int) -> Self
  func resizedShortSide(to size: Int) -> Self
  func centralSquare(of side: Int) -> Self
}

extension Image: Framed {}
extension SegmentationMask: Framed {}
