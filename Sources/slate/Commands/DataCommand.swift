import ArgumentParser
import Foundation
import ObjectCentric

/// The command `slate data`.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Look at image data.", subcommands: [Inspect.self])

  /// The command `slate data inspect`.
  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a folder of images holds, and draw some of it.",
      usage: "slate data inspect [<path>] [<options>]",
      discussion: """
          slate data inspect pictures --sheet first.png

        Prints kind, images in each part and sizes, and names what cannot be read; more of that than \
        --max-unreadable is an error in the end. With --sheet, writes a picture of the first images \
        and their masks. Without a path, looks at the generated scenes.
        """)

    @Argument(help: "A folder of images, or a 3dshapes.h5; default generated scenes.") var path:
      String?
    @Option(help: ArgumentHelp("Width and height of the images in the sheet.", valueName: "pixels"))
    var imageSize = 64
    @Option(
      help: ArgumentHelp(
        "Read so many files, evenly spaced, to learn their sizes and whether they are whole.",
        valueName: "count"))
    var sample = 1000
    @Option(
      help: ArgumentHelp("Draw the first images and their masks here.", valueName: "file.png"))
    var sheet: String?
    @OptionGroup var reading: ReadingOptions

    func validate() throws {
      if let sheet { try expectPNG(sheet, of: "sheet") }
      guard (8...1024).contains(imageSize) else {
        throw ValidationError("--image-size \(imageSize): it must be between 8 and 1024")
      }
      guard sample >= 1 else {
        throw ValidationError("--sample \(sample): it must be at least 1")
      }
    }

    func run() throws {
      var source = DataSource(path: path)
      reading.apply(to: &source)
      reading.warnOfUnused(in: [source])
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
