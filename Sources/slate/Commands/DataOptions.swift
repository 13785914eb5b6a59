import ArgumentParser
import Foundation

/// Where images come from and how they are read.
struct DataOptions: ParsableArguments {
  @Option(
    name: [.customLong("data"), .customLong("data-path")],
    help: ArgumentHelp(
      "A folder of images, or a 3dshapes.h5; default the run's own images, or generated scenes.",
      discussion: """
        CLEVR, ShapeStacks, COCO-2017 and 3D Shapes are recognised by their layout; anything else \
        is a folder of PNG and JPEG files, split 70-15-15.
        """, valueName: "path"))
  var data: String?
  @OptionGroup var reading: ReadingOptions

  /// The source that these options name; what they leave open is as in a run.
  func source(or run: DataSource? = nil) -> DataSource {
    var source = run ?? DataSource()
    if let data { source.setPath(data) }
    reading.apply(to: &source)
    return source
  }
}

/// How images are read, wherever they come from.
struct ReadingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Cut out a central square of this many pixels before resizing.", valueName: "pixels"))
  var centerCrop: Int?
  @Option(help: ArgumentHelp("Use at most this many images; default all.", valueName: "count"))
  var limit: Int?
  @Option(
    help: ArgumentHelp(
      "Leave pixels of this value in masks out of scores: 255 in VOC, 0 in COCO panoptic.",
      valueName: "value"))
  var maskIgnore: Int?
  @OptionGroup var files: FileOptions

  func validate() throws {
    var source = DataSource()
    apply(to: &source)
    do {
      _ = try source.validated()
    } catch let error as ConfigurationError {
      throw ValidationError(error.description)
    }
  }

  /// Changes what these options say of a source.
  func apply(to source: inout DataSource) {
    source.centerCrop = centerCrop ?? source.centerCrop
    source.limit = limit ?? source.limit
    source.maskIgnore = maskIgnore ?? source.maskIgnore
    source.exifOrientation = files.exifOrientation ?? source.exifOrientation
    source.maxUnreadable = files.maxUnreadable ?? source.maxUnreadable
  }
}
