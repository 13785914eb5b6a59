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

  func validate() throws {
    for (option, value) in [("center-crop", centerCrop), ("limit", limit)] {
      if let value, value < 1 {
        throw ValidationError("--\(option) \(value): it must be at least 1")
      }
    }
  }

  /// The source that these options name, or the one of a run where they name none.
  func source(or run: DataSource? = nil) -> DataSource {
    guard data != nil || centerCrop != nil || limit != nil || run == nil else {
      return run ?? DataSource()
    }
    return DataSource(
      path: data ?? run?.path, centerCrop: centerCrop ?? run?.centerCrop,
      limit: limit ?? run?.limit)
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

  /// Opens the images.
  ///
  /// - Throws: `DatasetError` naming the folder.
  func open(imageSize: Int, seed: UInt64) throws -> any ImageDataset {
    guard let path else {
      guard let limit else { return GeneratedScenes(imageSize: imageSize, seed: seed) }
      return GeneratedScenes(
        imageSize: imageSize, seed: seed, training: limit, held: max(1, limit / 5))
    }
    return try DatasetOptions(imageSize: imageSize, centerCrop: centerCrop, limit: limit)
      .open(URL(filePath: path))
  }
}
