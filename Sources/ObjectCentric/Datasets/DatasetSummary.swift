import Foundation
import Images
import Tensors

/// A summary of what was found in a folder of images.
///
/// ```swift
/// print(try DatasetSummary(of: URL(filePath: "mirrors64"), options: DatasetOptions(imageSize: 64)))
/// // image folder /data/mirrors64/images
/// // train 560, validation 120, test 120 images; with masks
/// // 64 x 64 pixels (800 of 800 looked at)
/// // up to 6 objects in a mask (800 of 800 looked at)
/// ```
public struct DatasetSummary: Sendable, CustomStringConvertible {
  /// A size in pixels, and how many of the files that were read have it.
  public struct FileSize: Sendable, Equatable {
    /// The number of columns.
    public let width: Int
    /// The number of rows.
    public let height: Int
    /// The number of files of this size.
    public let files: Int
  }

  /// The kind of the data set, and its path.
  public let place: String
  /// The number of images in each part.
  public let counts: [Split: Int]
  /// Whether the objects of the images are known.
  public let hasMasks: Bool
  /// The sizes of the files, the most frequent first; empty if the images are not files.
  public let fileSizes: [FileSize]
  /// The files and masks that cannot be used, each with the reason: they cannot be read, or the crop
  /// does not fit into them.
  public let unreadable: [String]
  /// The largest number of objects in a mask that was read; nil if no mask was read.
  public let mostObjects: Int?
  /// The number of masks that could be read.
  public let masks: Int
  /// The number of masks in which 255 occurs beside other values, so that it is not known whether
  /// it stands for an object or for pixels to ignore.
  public let ambiguousMasks: Int
  /// The number of files that were read.
  public let files: Int

  /// Opens a folder or file, and reads a sample of its images.
  ///
  /// - Parameters:
  ///   - url: the folder or file.
  ///   - options: how the data set is opened.
  ///   - kind: the kind of the data set; default the kind that it looks like.
  ///   - sample: the number of files that are read, evenly spaced; default 1000.
  /// - Throws: `DatasetError` when it cannot be opened.
  public init(
    of url: URL, options: DatasetOptions, as kind: DatasetKind? = nil, sample: Int = 1000
  ) throws {
    try self.init(of: options.open(url, as: kind), sample: sample)
  }

  /// Reads a sample of an opened data set: `sample` of its images, or all of them if there are no
  /// more.
  public init(of data: any ImageDataset, sample: Int = 1000) {
    place = data.description
    counts = Dictionary(uniqueKeysWithValues: Split.allCases.map { ($0, data.count(of: $0)) })
    guard let folder = data as? ImageFolder else {
      hasMasks = data is GeneratedScenes
      (fileSizes, unreadable, mostObjects) = ([], [], nil)
      (masks, ambiguousMasks, files) = (0, 0, 0)
      return
    }
    hasMasks = folder.hasMasks
    let all = Split.allCases.flatMap { split in (0..<data.count(of: split)).map { (split, $0) } }
    let looked = min(all.count, max(1, sample))
    let chosen = (0..<looked).map { all[$0 * all.count / looked] }
    let results = Workers.mapRanges(of: looked) { range in
      range.map { folder.look(at: chosen[$0].1, of: chosen[$0].0) }
    }.joined()
    var found: [SIMD2<Int>: Int] = [:]
    for result in results { if let size = result.size { found[size, default: 0] += 1 } }
    fileSizes = found.map { FileSize(width: $0.x, height: $0.y, files: $1) }
      .sorted { ($1.files, $0.width, $0.height) < ($0.files, $1.width, $1.height) }
    unreadable = results.flatMap(\.failures)
    let objects = results.compactMap(\.objects)
    (mostObjects, masks, files) = (objects.max(), objects.count, looked)
    ambiguousMasks = results.count { $0.isAmbiguous }
  }

  /// A few lines for a terminal.
  public var description: String {
    let parts = Split.allCases.map { "\($0.rawValue) \(counts[$0] ?? 0)" }
    var lines = [
      place, parts.joined(separator: ", ") + " images" + (hasMasks ? "; with masks" : ""),
    ]
    lines += fileSizes.prefix(5).map {
      "\($0.width) x \($0.height) pixels (\($0.files) of \(files) looked at)"
    }
    if fileSizes.count > 5 { lines.append("and \(fileSizes.count - 5) other sizes") }
    if let mostObjects {
      lines.append("up to \(mostObjects) objects in a mask (\(masks) of \(files) looked at)")
    }
    if ambiguousMasks > 0 {
      lines.append(
        "255 stands beside other values in \(ambiguousMasks) masks: an object, unless it is to be "
          + "ignored, as in PASCAL VOC (--mask-ignore 255)")
    }
    lines += unreadable.map { "unreadable: \($0)" }
    return lines.joined(separator: "\n")
  }
}

extension ImageFolder {
  /// The size of a file, the number of objects in its mask, whether the mask is ambiguous about
  /// 255, and the errors of what cannot be read.
  fileprivate func look(
    at index: Int, of split: Split
  ) -> (size: SIMD2<Int>?, objects: Int?, isAmbiguous: Bool, failures: [String]) {
    var (size, objects, failures): (SIMD2<Int>?, Int?, [String]) = (nil, nil, [])
    do {
      let picture = try picture(index, of: split)
      size = SIMD2(picture.width, picture.height)
      try framing.expectFits(
        width: picture.width, height: picture.height, path: name(index, of: split))
    } catch let error as DatasetError {
      // The crop does not fit into the mask either.
      return (size, nil, false, ["\(error)"])
    } catch {
      failures.append("\(error)")
    }
    do {
      objects = try mask(index, of: split)?.objectCount
    } catch {
      failures.append("\(error)")
    }
    return (
      size, objects, objects.map { $0 > 1 } == true && hasAmbiguousMask(index, of: split), failures
    )
  }
}
