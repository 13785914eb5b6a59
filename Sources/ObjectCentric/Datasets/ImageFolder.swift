import Foundation
import Images

/// A data set of PNG and JPEG files below a folder.
///
/// ```swift
/// let data = try ImageFolder(URL(filePath: "mirrors64"), imageSize: 64)
/// data.count(of: .train)   // 560 of 800
/// ```
/// The initialiser takes any folder of images, and splits it into parts. For published data sets,
/// `clevr`, `shapeStacks` and `coco` know the layout on disk. No image is read before it is asked
/// for.
public struct ImageFolder: ImageDataset {
  /// The number of rows, and of columns, of every image.
  public let imageSize: Int
  /// How pictures are made square.
  public let framing: Framing
  /// Whether pictures and masks are turned as their EXIF data say; false unless it is set.
  public var appliesOrientation = false
  /// How masks name objects; default by the values of their pixels.
  public var maskEncoding = MaskEncoding.values()
  /// The name of the kind of data in logs: "image folder", "CLEVR".
  let kind: String
  let folder: URL
  /// Paths relative to the folder.
  let parts: [Split: [RawPath]]
  /// From an image's path to its mask's path, both relative to the folder; nil without masks.
  private let maskPath: (@Sendable (_ path: RawPath) -> RawPath)?

  init(
    kind: String, folder: URL, parts: [Split: [RawPath]], imageSize: Int, framing: Framing,
    maskPath: (@Sendable (_ path: RawPath) -> RawPath)? = nil
  ) {
    self.kind = kind
    self.folder = folder
    self.parts = parts
    self.imageSize = imageSize
    self.framing = framing
    self.maskPath = maskPath
  }

  /// All the images below a folder: 70% for training, 15% each for validation and test.
  ///
  /// Files are found recursively, through links too, and sorted by path. The parts are cut in that
  /// order, at 0.7 n and 0.85 n, rounded down as products of doubles, as published training code does: 62
  /// of 90, because 0.7 is a little below 7/10. If there is a folder `masks` beside the images,
  /// masks are the PNG files of the same names in it. A folder that holds `images` and `masks` is
  /// treated as its `images`.
  ///
  /// - Parameters:
  ///   - url: the folder of the images.
  ///   - imageSize: the number of pixels of a side.
  ///   - framing: how pictures are made square; default `.whole`, which resizes without a crop.
  ///   - limit: the largest number of files, counted from the first in order; default all.
  /// - Throws: `DatasetError` when the folder is missing, or has too few images for three parts.
  public init(_ url: URL, imageSize: Int, framing: Framing = .whole, limit: Int? = nil) throws {
    try ImageFiles.expectFolder(url)
    let inner = url.appending(path: "images")
    let nested =
      ImageFiles.isFolder(inner.path) && ImageFiles.isFolder(url.appending(path: "masks").path)
    let folder = (nested ? inner : url).resolvingSymlinksInPath()
    let sibling = folder.deletingLastPathComponent().appending(path: "masks")
    let hasMasks = folder.lastPathComponent != "masks" && ImageFiles.isFolder(sibling.path)
    let maskPath = { @Sendable (path: RawPath) in
      RawPath(sibling.path).appending(path.replacingEnding(with: ".png"))
    }
    let found = try ImageFiles.found(in: folder)
    let files = found.prefix(limit ?? .max)
    let (first, second) = (Int(0.7 * Double(files.count)), Int(0.85 * Double(files.count)))
    guard first > 0, second > first, files.count > second else {
      throw DatasetError(
        path: url.path,
        reason: "\(files.count) \(files.count == 1 ? "image is" : "images are") too few to be "
          + "split 70-15-15 into training, validation and test",
        remedy: files.count < found.count && found.count >= 4
          ? "raise the limit, which leaves out \(found.count - files.count), to 4 at least"
          : "provide at least 4")
    }
    self.init(
      kind: "image folder", folder: folder,
      parts: [
        .train: Array(files[..<first]), .validation: Array(files[first..<second]),
        .test: Array(files[second...]),
      ],
      imageSize: imageSize, framing: framing,
      maskPath: hasMasks ? maskPath : nil)
  }

  /// The kind of data and the path.
  public var description: String { "\(kind) \(folder.path)" }

  /// The number of files in a part.
  public func count(of split: Split) -> Int { parts[split]?.count ?? 0 }

  /// Whether the data has masks.
  public var hasMasks: Bool { maskPath != nil }

  /// An image, decoded to RGB and made square.
  public func image(_ index: Int, of split: Split) throws -> Image {
    try framing.square(
      picture(index, of: split), size: imageSize, path: name(index, of: split))
  }

  /// An image, decoded to RGB at the size that its file has.
  ///
  /// - Throws: `ImageError` naming the file when it cannot be read.
  public func picture(_ index: Int, of split: Split) throws -> Image {
    try Image(
      contentsOf: place(path(index, of: split)), appliesOrientation: appliesOrientation)
  }

  /// The image's mask, or nil when there is no folder of masks.
  ///
  /// A mask may have another size than its image, of which it then shows the same part.
  ///
  /// - Throws: `ImageError` naming the mask when it is missing, damaged, or in a format that does
  ///   not tell objects apart; `DatasetError` when its proportions are not those of the image.
  public func mask(_ index: Int, of split: Split) throws -> SegmentationMask? {
    guard let maskPath else { return nil }
    let path = maskPath(path(index, of: split))
    let mask = try SegmentationMask(
      contentsOf: path, encoding: maskEncoding, appliesOrientation: appliesOrientation)
    let picture = try Image.size(
      contentsOf: place(self.path(index, of: split)), appliesOrientation: appliesOrientation)
    // Each side may have been rounded to the next whole number.
    guard
      abs(mask.width * picture.height - mask.height * picture.width)
        <= picture.width + picture.height
    else {
      throw DatasetError(
        path: path.description,
        reason: "the mask has \(mask.width) x \(mask.height) pixels, of other proportions than "
          + "the \(picture.width) x \(picture.height) of \(name(index, of: split))",
        remedy: "give the mask of the whole image; --exif-orientation turns a mask only if the "
          + "mask says so itself")
    }
    return try framing.square(
      framing.countsPixels ? mask.resized(width: picture.width, height: picture.height) : mask,
      size: imageSize, path: path.description)
  }

  /// Whether 255 occurs beside other values in the image's mask and no option says that it is
  /// ignored.
  ///
  /// The value may stand for an object like the others or, as in PASCAL VOC and DAVIS, for pixels
  /// that are left out. The result is false if the mask cannot be read.
  public func hasAmbiguousMask(_ index: Int, of split: Split) -> Bool {
    guard maskEncoding == .values() else { return false }
    var ignoring = self
    ignoring.maskEncoding = .values(ignoring: 255)
    guard let mask = try? ignoring.mask(index, of: split) else { return false }
    return mask.objectCount > 0 && mask.ids.contains(SegmentationMask.ignored)
  }

  /// The path of the file; its bytes that are not UTF-8 are written as \xE9.
  public func name(_ index: Int, of split: Split) -> String {
    place(path(index, of: split)).description
  }

  private func place(_ path: RawPath) -> RawPath { RawPath(folder.path).appending(path) }

  private func path(_ index: Int, of split: Split) -> RawPath {
    expectIndex(index, of: split)
    return parts[split]?[index] ?? ""
  }
}
