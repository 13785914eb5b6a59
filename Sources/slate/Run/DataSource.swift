import Foundation
import ObjectCentric

/// Where the images of a run come from; this is stored with the run.
struct DataSource: Codable, Equatable {
  /// The path of a folder or file as the user gave it; nil for generated scenes.
  var path: String?
  /// The style of generated scenes; nil for shaded ones.
  var scenes: SceneStyle?
  /// The absolute path, so that the run can be used from any folder.
  var absolutePath: String?
  /// The side of a central square that is cut out; nil for none.
  var centerCrop: Int?
  /// The largest number of images; nil for all.
  var limit: Int?
  /// The value of those pixels of masks that are left out of all scores; nil for none.
  var maskIgnore: Int?
  /// Whether pictures are turned as their EXIF data say; nil for no.
  var exifOrientation: Bool?
  /// The number of unreadable images of a part for which there is only a warning; nil for the
  /// default.
  var maxUnreadable: Int?

  /// The largest number of generated training scenes; their order is kept in memory.
  private static let mostScenes = 10_000_000

  /// The source at `path`, relative to the current folder; default generated scenes.
  init(path: String? = nil) {
    if let path { setPath(path) } else { scenes = .plain }
  }

  /// The same source with other images, at `path` relative to the current folder.
  mutating func setPath(_ path: String) {
    self.path = path
    absolutePath = URL(filePath: path).standardizedFileURL.path
  }

  /// The same source with generated scenes instead of other images.
  mutating func setScenes(_ style: SceneStyle) {
    (path, absolutePath, scenes) = (nil, nil, style)
  }

  /// The place of the images: the stored absolute path or, if nothing is there any more, the path
  /// relative to the current folder.
  ///
  /// The latter finds a project that was moved together with its runs and images. If nothing is at
  /// either, it is the first, by which errors name what is missing.
  var place: String? {
    let places = [absolutePath, path].compactMap { $0 }
    return places.first { FileManager.default.fileExists(atPath: $0) } ?? places.first
  }

  /// The same source by a path that does not depend on the current folder or on how it is written.
  ///
  /// The name of the folder stays: links of other names are other sources, because names are shown.
  var resolved: DataSource {
    var result = self
    result.absolutePath = place.map(resolvedPath)
    result.path = place.map { URL(filePath: $0).standardizedFileURL.lastPathComponent }
    return result
  }

  /// Whether the images of two sources have the same place, however they are read.
  func hasPlace(of other: DataSource) -> Bool {
    (path, absolutePath, scenes) == (other.path, other.absolutePath, other.scenes)
  }

  /// Checks the numbers, because they may come from a file.
  ///
  /// - Throws: `ConfigurationError` naming the first number that makes no sense.
  func validated() throws -> DataSource {
    func require(_ range: ClosedRange<Int>, _ option: String, _ value: Int?, _ rule: String) throws
    {
      if let value, !range.contains(value) {
        throw ConfigurationError(option: option, value: "\(value)", rule: rule)
      }
    }
    for path in [path, absolutePath] where path == "" {
      throw ConfigurationError(option: "data", value: "''", rule: "the path of a folder")
    }
    try require(1...Int.max, "center-crop", centerCrop, "at least 1")
    try require(1...Int.max, "limit", limit, "at least 1")
    try require(
      0...(1 << 48) - 1, "mask-ignore", maskIgnore,
      "a palette's index, a grey level or R + 256 G + 65536 B")
    try require(0...Int.max, "max-unreadable", maxUnreadable, "0 or more")
    return self
  }

  /// Opens the images.
  ///
  /// - Throws: `DatasetError` naming the folder; `ConfigurationError` for more generated scenes than
  ///   fit into memory.
  func open(imageSize: Int, seed: UInt64) throws -> any ImageDataset {
    guard let place else {
      guard let limit else {
        return GeneratedScenes(imageSize: imageSize, seed: seed, style: scenes ?? .shaded)
      }
      guard limit <= DataSource.mostScenes else {
        throw ConfigurationError(
          option: "limit", value: "\(limit)",
          rule: "at most \(DataSource.mostScenes) for generated scenes")
      }
      return GeneratedScenes(
        imageSize: imageSize, seed: seed, style: scenes ?? .shaded, training: limit,
        held: max(1, limit / 5))
    }
    var options = DatasetOptions(imageSize: imageSize, centerCrop: centerCrop, limit: limit)
    options.appliesOrientation = exifOrientation ?? false
    options.ignoredMaskValue = maskIgnore
    return try options.open(URL(filePath: place))
  }

  /// The number of unreadable images of a part of `dataset` for which there is only a warning.
  ///
  /// The default is one in a hundred of all images, at most 10, so in a small folder the first one
  /// is an error.
  func tolerance(of dataset: any ImageDataset) -> Int {
    maxUnreadable ?? min(10, Split.allCases.reduce(0) { $0 + dataset.count(of: $1) } / 100)
  }
}
