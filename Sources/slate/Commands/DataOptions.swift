import ArgumentParser
import Foundation
import ObjectCentric

/// The options that say where images come from and how they are read.
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
  @Option(
    help: ArgumentHelp(
      "How generated scenes are drawn; default plain.",
      discussion: """
        plain: 3 or 4 flat shapes on dark grey; shaded: 2 to 4 lit shapes with shadows on a soft \
        gradient; mirror: 3 to 6 on a floor, half of the scenes with a mirror behind them.
        """, valueName: "style"))
  var scenes: SceneStyle?
  @OptionGroup var reading: ReadingOptions

  func validate() throws {
    if data != nil, scenes != nil {
      throw ValidationError("--data names images and --scenes generates them: give one of the two")
    }
  }

  /// The source that these options name; values that they leave open are those of a run.
  func source(or run: DataSource? = nil) -> DataSource {
    var source = run ?? DataSource()
    if let data { source.setPath(data) }
    if let scenes { source.setScenes(scenes) }
    reading.apply(to: &source)
    reading.warnOfUnused(in: [source])
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

  /// Warns of options that were given, but change nothing where scenes are generated.
  func warnOfUnused(in sources: [DataSource]) {
    guard sources.contains(where: { $0.path == nil }) else { return }
    let names = [
      ("--center-crop", centerCrop != nil), ("--mask-ignore", maskIgnore != nil),
      ("--exif-orientation", files.exifOrientation == true),
    ].filter { $0.1 }.map { $0.0 }
    guard !names.isEmpty else { return }
    Console.warn(
      "\(names.joined(separator: ", ")): this is about files, and changes nothing in generated scenes"
    )
  }

  /// Changes the values of a source that these options name.
  func apply(to source: inout DataSource) {
    source.centerCrop = centerCrop ?? source.centerCrop
    source.limit = limit ?? source.limit
    source.maskIgnore = maskIgnore ?? source.maskIgnore
    source.exifOrientation = files.exifOrientation ?? source.exifOrientation
    source.maxUnreadable = files.maxUnreadable ?? source.maxUnreadable
  }
}

extension SceneStyle: ExpressibleByArgument {}
