import Foundation
import Images
import Tensors

/// What was found in a folder of images.
///
/// ```swift
/// print(try DatasetSummary(of: URL(filePath: "mirrors64"), options: DatasetOptions(imageSize: 64)))
/// // image folder /data/mirrors64/images
/// // train 560, validation 120, test 120 images; with masks
/// // 64 x 64 pixels (800 of 800 looked at)
/// // up to 6 objects in a mask (800 of 800 looked at)
/// ```
public struct DatasetSummary: Sendable, CustomStringConvertible {
  /// The sizes of the files that were looked at.
  public struct FileSize: Sendable, Equatable {
    /// Columns.
    public let width: Int
    /// Rows.
    public let height: Int
    /// How many of the files have it.
    public let files: Int
  }

  /// Kind and place.
  public let place: String
  /// The number of images in each part.
  public let counts: [Split: Int]
  /// Whether objects are known.
  public let hasMasks: Bool
  /// Sizes on disk, the most frequent first; empty where images are not files.
  public let fileSizes: [FileSize]
  /// What could not be read among the files looked at, and among their masks, with the reason.
  public let unreadable: [String]
  /// The largest number of objects in one of the masks looked at; nil where none was.
  public let mostObjects: Int?
  /// How many masks could be read.
  public let masks: Int
  /// In how many masks 255 stands beside other values, of which it cannot be known whether it is an
  /// object or to be ignored.
  public let ambiguousMasks: Int
  /// How many files were looked at.
  public let files: Int

  /// Looks at a folder or file.
  ///
  /// - Parameters:
  ///   - url: the folder or file.
  ///   - options: how it would be opened.
  ///   - kind: what it is; default what it looks like.
  ///   - sample: how many files are read, evenly spaced; default 1000.
  /// - Throws: `DatasetError` when it cannot be opened.
  public init(
    of url: URL, options: DatasetOptions, as kind: DatasetKind? = nil, sample: Int = 1000
  ) throws {
    try self.init(of: options.open(url, as: kind), sample: sample)
  }

  /// Looks at an opened data set, at all of its images where they are no more than `sample`.
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
  /// The size of a file, the objects in its mask and whether they can be told from what is to be
  /// ignored, and what of them cannot be read.
  fileprivate func look(
    at index: Int, of split: Split
  ) -> (size: SIMD2<Int>?, objects: Int?, isAmbiguous: Bool, failures: [String]) {
    var (size, objects, failures): (SIMD2<Int>?, Int?, [String]) = (nil, nil, [])
    do {
      let picture = try picture(index, of: split)
      size = SIMD2(picture.width, picture.height)
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
