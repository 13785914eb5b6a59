import Images
import Tensors

/// One of the three parts of a data set.
public enum Split: String, Sendable, CaseIterable {
  /// The images to which the parameters are fitted.
  case train
  /// The images by which learning rates and the end of training are decided.
  case validation
  /// The images for which final results are reported.
  case test
}

/// A numbered collection of square images, ready for the model.
///
/// ```swift
/// let data = try ImageFolder(URL(filePath: "pictures"), imageSize: 64)
/// let first = try data.image(0, of: .train)      // 64 x 64, RGB
/// ```
/// The same index always gives the same image, on every thread and in every order of calls.
public protocol ImageDataset: Sendable {
  /// The kind of data and its place, for logs: "image folder pictures", "generated scenes (seed
  /// 0)".
  var description: String { get }
  /// The number of rows, and of columns, of every image.
  var imageSize: Int { get }
  /// The number of images in a part.
  func count(of split: Split) -> Int
  /// An image of `imageSize` x `imageSize` pixels.
  ///
  /// Stops when the index is not below `count(of:)`.
  ///
  /// - Throws: an error that names the file when it cannot be read.
  func image(_ index: Int, of split: Split) throws -> Image
  /// The object that each pixel shows, 0 for the background; nil where the data has no masks.
  ///
  /// Stops when the index is not below `count(of:)`.
  ///
  /// - Throws: an error that names the file when it cannot be read.
  func mask(_ index: Int, of split: Split) throws -> SegmentationMask?
  /// The name of an image in warnings: the path of its file, or "scene 17".
  func name(_ index: Int, of split: Split) -> String
}

extension ImageDataset {
  /// Stops with a message when there is no such image.
  func expectIndex(_ index: Int, of split: Split) {
    expect(
      index >= 0 && index < count(of: split),
      "image \(index) does not exist: the \(split.rawValue) part of \(description) has "
        + "\(count(of: split))")
  }
}
