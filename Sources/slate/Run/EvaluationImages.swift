import Images
import ObjectCentric
import Tensors

/// The images of a part that an evaluation uses: the first ones, without those that cannot be read.
struct EvaluationImages: Sendable {
  let dataset: any ImageDataset
  let split: Split
  /// The positions of the images in the part.
  private let indices: [Int]

  /// Finds the first `limit` readable images of a part.
  ///
  /// Each is decoded once, so that a damaged file is found now and not at the end of an epoch.
  ///
  /// - Parameters:
  ///   - dataset: the data set.
  ///   - split: the part.
  ///   - limit: the largest number of images.
  ///   - tolerance: the number of unreadable images that are left out with a warning.
  /// - Throws: `UnreadableImages` when there are more than `tolerance`; `RunError` when no image is
  ///   left.
  init(_ dataset: any ImageDataset, _ split: Split, limit: Int, tolerance: Int) throws {
    self.dataset = dataset
    self.split = split
    let failures = Workers.mapRanges(of: min(dataset.count(of: split), limit)) { range in
      range.map { index -> (index: Int, error: (any Error)?) in
        do {
          _ = try dataset.image(index, of: split)
          return (index, nil)
        } catch {
          return (index, error)
        }
      }
    }.joined()
    let errors = failures.compactMap(\.error)
    if let first = errors.first, errors.count > tolerance {
      throw UnreadableImages(
        count: errors.count, part: "the \(split.rawValue) part of \(dataset.description)",
        tolerance: tolerance, first: "\(first)")
    }
    for error in errors { Console.warn("skipped \(error)") }
    indices = failures.filter { $0.error == nil }.map(\.index)
    guard !indices.isEmpty else {
      throw RunError(
        path: dataset.description,
        reason: "its \(split.rawValue) part has no image that can be read",
        remedy: "choose other data or another part")
    }
  }

  /// The number of images.
  var count: Int { indices.count }

  /// One of the images.
  func image(_ position: Int) throws -> Image { try dataset.image(indices[position], of: split) }

  /// Some of the images as numbers in [0, 1], [batch, height, width, 3].
  func batch(_ range: Range<Int>) throws -> Tensor {
    Tensor(images: try range.map { try image($0) }, size: dataset.imageSize)
  }

  /// Warns if it is not known whether 255 in the masks is an object or stands for ignored pixels.
  func warnOfAmbiguousMasks() {
    guard let folder = dataset as? ImageFolder,
      let first = indices.first(where: { folder.hasAmbiguousMask($0, of: split) })
    else { return }
    Console.warn(
      "\(folder.name(first, of: split)): in its mask 255 stands beside other values and is taken for "
        + "an object; where it is to be ignored, as in PASCAL VOC, give --mask-ignore 255")
  }

  /// The mask of an image; nil if the data has no masks.
  func mask(_ position: Int) throws -> SegmentationMask? {
    try dataset.mask(indices[position], of: split)
  }
}
