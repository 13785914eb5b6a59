import ArgumentParser
import Foundation
import ObjectCentric

/// `slate data`.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Look at image data.", subcommands: [Inspect.self])

  /// `slate data inspect`.
  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a folder of images holds, and draw some of it.",
      discussion: """
        Prints kind, images in each part and sizes, and names what cannot be read; more of that than \
        --max-unreadable is an error in the end. With --sheet, writes a picture of the first images \
        and their masks. Without a path, looks at the generated scenes.
        """)

    @Argument(help: "A folder of images, or a 3dshapes.h5.") var path: String?
    @Option(help: "Width and height of the images in the sheet.")
    var imageSize = 64
    @Option(
      help: ArgumentHelp(
        "Cut out a central square of this many pixels before resizing.", valueName: "pixels"))
    var centerCrop: Int?
    @Option(help: ArgumentHelp("Look at so many images at most.", valueName: "count"))
    var limit: Int?
    @Option(
      help: ArgumentHelp(
        "Read so many files, evenly spaced, to learn their sizes and whether they are whole.",
        valueName: "count"))
    var sample = 1000
    @Option(help: ArgumentHelp("The picture to write.", valueName: "file.png")) var sheet: String?
    @Option(
      help: ArgumentHelp(
        "Leave pixels of this value in masks out of scores: 255 in VOC, 0 in COCO panoptic.",
        valueName: "value"))
    var maskIgnore: Int?
    @OptionGroup var files: FileOptions

    func validate() throws {
      if let sheet { try expectPNG(sheet, of: "sheet") }
      guard (8...1024).contains(imageSize) else {
        throw ValidationError("--image-size \(imageSize): it must be between 8 and 1024")
      }
      for (option, value) in [("center-crop", centerCrop), ("limit", limit), ("sample", sample)] {
        if let value, value < 1 {
          throw ValidationError("--\(option) \(value): it must be at least 1")
        }
      }
      try expectMaskValue(maskIgnore)
    }

    func run() throws {
      let source = DataSource(
        path: path, centerCrop: centerCrop, limit: limit, maskIgnore: maskIgnore,
        exifOrientation: files.exifOrientation, maxUnreadable: files.maxUnreadable)
      let data = try source.open(imageSize: imageSize, seed: 0)
      let summary = DatasetSummary(of: data, sample: sample)
      Console.print("\(summary)")
      if let sheet {
        try data.contactSheet(enlargement: max(1, 128 / imageSize), passingOver: { _ in true })
          .write(to: URL(filePath: sheet))
        Console.print("wrote \(sheet)")
      }
      let tolerance = source.tolerance(of: data)
      if let first = summary.unreadable.first, summary.unreadable.count > tolerance {
        throw UnreadableImages(
          count: summary.unreadable.count, part: data.description, tolerance: tolerance,
          first: first)
      }
    }
  }
}
