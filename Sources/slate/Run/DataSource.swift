import Foundation
import ObjectCentric

/// Where the images of a run come from, as it is kept with the run.
struct DataSource: Codable, Equatable {
  /// A folder or file as it was given; nil for generated scenes.
  var path: String?
  /// How generated scenes are drawn; nil for shaded ones.
  var scenes: SceneStyle?
  /// The same from the root, so that the run can be used from any folder.
  var absolutePath: String?
  /// The side of a central square that is cut out.
  var centerCrop: Int?
  /// At most this many images are used.
  var limit: Int?
  /// The value of pixels of masks that take part in no score.
  var maskIgnore: Int?
  /// Whether pictures are turned as their EXIF data say; nil for no.
  var exifOrientation: Bool?
  /// Unreadable images of a part that are only warned about; nil for the default.
  var maxUnreadable: Int?

  /// The most training scenes that are generated: their order is kept in memory.
  private static let mostScenes = 10_000_000

  /// A source at `path`, seen from the current folder; default generated scenes.
  init(path: String? = nil) {
    if let path { setPath(path) } else { scenes = .plain }
  }

  /// Other images, at `path` as seen from the current folder.
  mutating func setPath(_ path: String) {
    self.path = path
    absolutePath = URL(filePath: path).standardizedFileURL.path
  }

  /// Generated scenes in place of other images.
  mutating func setScenes(_ style: SceneStyle) {
    (path, absolutePath, scenes) = (nil, nil, style)
  }

  /// Where the images are: where they were, or, if nothing is there any more, where the path leads from
  /// the current folder, as when a project was moved with its runs and images.
  var place: String? {
    [absolutePath, path].compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
      ?? path
  }

  /// Checks the numbers, which may come from a file.
  ///
  /// - Throws: `ConfigurationError` naming the first that makes no sense.
  func validated() throws -> DataSource {
    func require(_ range: ClosedRange<Int>, _ option: String, _ value: Int?, _ rule: String) throws
    {
      if let value, !range.contains(value) {
        throw ConfigurationError(option: option, value: "\(value)", rule: rule)
      }
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

  /// How many unreadable images of a part of `dataset` are only warned about: by default one in a
  /// hundred of all images, at most 10, so that in a small folder the first one is an error.
  func tolerance(of dataset: any ImageDataset) -> Int {
    maxUnreadable ?? min(10, Split.allCases.reduce(0) { $0 + dataset.count(of: $1) } / 100)
  }
}
