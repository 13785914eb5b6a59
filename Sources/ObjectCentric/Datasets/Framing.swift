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
      let scaled = picture.resized(
        width: width ?? picture.width, height: height ?? picture.height)
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
