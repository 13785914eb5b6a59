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
    DataSource(
      path: data ?? run?.path, centerCrop: centerCrop ?? run?.centerCrop,
      limit: limit ?? run?.limit, maskIgnore: maskIgnore ?? run?.maskIgnore,
      exifOrientation: files.exifOrientation ?? run?.exifOrientation,
      maxUnreadable: files.maxUnreadable ?? run?.maxUnreadable)
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
  /// A folder or file; nil for generated scenes.
  var path: String?
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

  /// Opens the images.
  ///
  /// - Throws: `DatasetError` naming the folder.
  func open(imageSize: Int, seed: UInt64) throws -> any ImageDataset {
    guard let path else {
      guard let limit else { return GeneratedScenes(imageSize: imageSize, seed: seed) }
      return GeneratedScenes(
        imageSize: imageSize, seed: seed, training: limit, held: max(1, limit / 5))
    }
    var options = DatasetOptions(imageSize: imageSize, centerCrop: centerCrop, limit: limit)
    options.appliesOrientation = exifOrientation ?? false
    options.ignoredMaskValue = maskIgnore
    return try options.open(URL(filePath: path))
  }

  /// How many unreadable images of a part of `dataset` are only warned about: by default one in a
  /// hundred of all images, at most 10, so that in a small folder the first one is an error.
  func tolerance(of dataset: any ImageDataset) -> Int {
    maxUnreadable ?? min(10, Split.allCases.reduce(0) { $0 + dataset.count(of: $1) } / 100)
  }
}
