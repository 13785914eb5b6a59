import Images
import Tensors

/// Which part of a data set.
public enum Split: String, Sendable, CaseIterable {
  /// What the parameters are fitted to.
  case train
  /// What decides about learning rates and when to stop.
  case validation
  /// What is reported in the end.
  case test
}

/// A numbered collection of square images, ready for the model.
///
/// ```swift
/// let data = try ImageFolder(URL(filePath: "pictures"), imageSize: 64)
/// let first = try data.image(0, of: .train)      // 64 x 64, RGB
/// ```
/// The same index always gives the same image, on any thread and in any order of asking.
public protocol ImageDataset: Sendable {
  /// Kind and place, for logs: "image folder pictures", "generated scenes (seed 0)".
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
  /// The object of each pixel, 0 for the background; nil where the data has no masks.
  ///
  /// Stops when the index is not below `count(of:)`.
  ///
  /// - Throws: an error that names the file when it cannot be read.
  func mask(_ index: Int, of split: Split) throws -> SegmentationMask?
  /// What warnings call an image: the path of its file, or "scene 17".
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
