import ArgumentParser
import Foundation
import ObjectCentric

/// Where images come from and how they are read.
struct DataOptions: ParsableArguments {
  @Option(
    name: [.customLong("data"), .customLong("data-path")],
    help: ArgumentHelp(
      "A folder of images, or a 3dshapes.h5; without it, scenes are generated.",
      discussion: """
        CLEVR, ShapeStacks, COCO-2017 and 3D Shapes are recognised by their layout; anything else \
        is a folder of PNG and JPEG files, split 70-15-15.
        """, valueName: "path"))
  var data: String?
  @Option(
    help: ArgumentHelp(
      "Cut out a central square of this many pixels before resizing.", valueName: "pixels"))
  var centerCrop: Int?
  @Option(help: ArgumentHelp("Use at most this many images.", valueName: "count"))
  var limit: Int?
  @Option(
    help: ArgumentHelp(
      "Leave pixels of this value in masks out of scores: 255 in VOC, 0 in COCO panoptic.",
      valueName: "value"))
  var maskIgnore: Int?
  @OptionGroup var files: FileOptions

  func validate() throws {
    for (option, value) in [("center-crop", centerCrop), ("limit", limit)] {
      if let value, value < 1 {
        throw ValidationError("--\(option) \(value): it must be at least 1")
      }
    }
    try expectMaskValue(maskIgnore)
  }

  /// The source that these options name; what they leave open is as in a run.
  func source(or run: DataSource? = nil) -> DataSource {
    var source = run ?? DataSource()
    if let data { source.setPath(data) }
    source.centerCrop = centerCrop ?? source.centerCrop
    source.limit = limit ?? source.limit
    source.maskIgnore = maskIgnore ?? source.maskIgnore
    source.exifOrientation = files.exifOrientation ?? source.exifOrientation
    source.maxUnreadable = files.maxUnreadable ?? source.maxUnreadable
    return source
  }
}

/// Refuses a value that no pixel of a mask has.
func expectMaskValue(_ value: Int?) throws {
  if let value, !(0..<1 << 48).contains(value) {
    throw ValidationError(
      "--mask-ignore \(value): it must be a palette's index, a grey level or R + 256 G + 65536 B")
  }
}

/// Where the images of a run come from, as it is kept with the run.
struct DataSource: Codable, Equatable {
  /// A folder or file as it was given; nil for generated scenes.
  var path: String?
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

  /// A source at `path`, seen from the current folder.
  init(
    path: String? = nil, centerCrop: Int? = nil, limit: Int? = nil, maskIgnore: Int? = nil,
    exifOrientation: Bool? = nil, maxUnreadable: Int? = nil
  ) {
    (self.centerCrop, self.limit, self.maskIgnore) = (centerCrop, limit, maskIgnore)
    (self.exifOrientation, self.maxUnreadable) = (exifOrientation, maxUnreadable)
    if let path { setPath(path) }
  }

  /// Other images, at `path` as seen from the current folder.
  mutating func setPath(_ path: String) {
    self.path = path
    absolutePath = URL(filePath: path).standardizedFileURL.path
  }

  /// Where the images are: where they were, or, if nothing is there any more, where the path leads from
  /// the current folder, as when a project was moved with its runs and images.
  var place: String? {
    [absolutePath, path].compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
      ?? path
  }

  /// Checks numbers that a file holds.
  ///
  /// - Throws: `ConfigurationError` naming the first that makes no sense.
  func validated() throws -> DataSource {
    for (option, value) in [("center-crop", centerCrop), ("limit", limit)] {
      if let value, value < 1 {
        throw ConfigurationError(option: option, value: "\(value)", rule: "at least 1")
      }
    }
    return self
  }

  /// Opens the images.
  ///
  /// - Throws: `DatasetError` naming the folder; `ConfigurationError` for more generated scenes than
  ///   fit into memory.
  func open(imageSize: Int, seed: UInt64) throws -> any ImageDataset {
    guard let place else {
      guard let limit else { return GeneratedScenes(imageSize: imageSize, seed: seed) }
      guard limit <= DataSource.mostScenes else {
        throw ConfigurationError(
          option: "limit", value: "\(limit)",
          rule: "at most \(DataSource.mostScenes) for generated scenes")
      }
      return GeneratedScenes(
        imageSize: imageSize, seed: seed, training: limit, held: max(1, limit / 5))
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
