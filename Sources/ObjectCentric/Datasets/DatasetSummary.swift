import Foundation
import Images

/// What was found in a folder of images.
///
/// ```swift
/// print(try DatasetSummary(of: URL(filePath: "mirrors64"), options: DatasetOptions(imageSize: 64)))
/// // image folder /data/mirrors64/images
/// // train 560, validation 120, test 120 images; with masks
/// // 64 x 64 pixels (100 of 100 looked at)
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
  /// What could not be read among the files looked at, with the reason.
  public let unreadable: [String]

  /// Looks at a folder or file.
  ///
  /// - Parameters:
  ///   - url: the folder or file.
  ///   - options: how it would be opened.
  ///   - kind: what it is; default what it looks like.
  ///   - sample: how many files are opened to learn their size, evenly spaced; default 100.
  /// - Throws: `DatasetError` when it cannot be opened.
  public init(
    of url: URL, options: DatasetOptions, as kind: DatasetKind? = nil, sample: Int = 100
  ) throws {
    try self.init(of: options.open(url, as: kind), sample: sample)
  }

  /// Looks at an opened data set.
  public init(of data: any ImageDataset, sample: Int = 100) {
    place = data.description
    counts = Dictionary(uniqueKeysWithValues: Split.allCases.map { ($0, data.count(of: $0)) })
    guard let folder = data as? ImageFolder else {
      hasMasks = data is GeneratedScenes
      (fileSizes, unreadable) = ([], [])
      return
    }
    hasMasks = folder.hasMasks
    let all = Split.allCases.flatMap { split in (0..<data.count(of: split)).map { (split, $0) } }
    let step = max(1, all.count / max(1, sample))
    var found: [SIMD2<Int>: Int] = [:]
    var failures: [String] = []
    for position in stride(from: 0, to: all.count, by: step) {
      do {
        let path = data.name(all[position].1, of: all[position].0)
        let image = try Image(contentsOfFile: path)
        found[SIMD2(image.width, image.height), default: 0] += 1
      } catch {
        failures.append("\(error)")
      }
    }
    fileSizes = found.map { FileSize(width: $0.x, height: $0.y, files: $1) }
      .sorted { ($1.files, $0.width, $0.height) < ($0.files, $1.width, $1.height) }
    unreadable = failures
  }

  /// A few lines for a terminal.
  public var description: String {
    let parts = Split.allCases.map { "\($0.rawValue) \(counts[$0] ?? 0)" }
    var lines = [
      place, parts.joined(separator: ", ") + " images" + (hasMasks ? "; with masks" : ""),
    ]
    let looked = fileSizes.reduce(0) { $0 + $1.files } + unreadable.count
    lines += fileSizes.prefix(5).map {
      "\($0.width) x \($0.height) pixels (\($0.files) of \(looked) looked at)"
    }
    if fileSizes.count > 5 { lines.append("and \(fileSizes.count - 5) other sizes") }
    lines += unreadable.map { "unreadable: \($0)" }
    return lines.joined(separator: "\n")
  }
}
