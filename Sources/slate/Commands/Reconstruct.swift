import ArgumentParser
import Foundation
import Images
import ObjectCentric
import Tensors

/// `slate reconstruct`.
struct Reconstruct: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a run's model sees in images.",
    usage: "slate reconstruct <run> <images> ... --out <file.png> [<options>]",
    discussion: """
        slate reconstruct runs/pictures photo.jpg drawing.png --out seen.png

      Draws a row for each image: the image, the dVAE's reconstruction, the image regenerated through the \
      slots, and what each slot attends to.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @Argument(help: "PNG or JPEG files; they are resized to the model's size.") var images: [String]
  @Option(help: ArgumentHelp("The picture to write.", valueName: "file.png")) var out: String
  @OptionGroup(title: "Files") var files: FileOptions

  func validate() throws { try expectPNG(out, of: "out") }

  func run() throws {
    let loaded = try LoadedRun(at: runPath)
    let configuration = loaded.state.configuration
    let size = configuration.imageSize
    let shown = try files.read(
      images, defaults: loaded.state.data
    ).map { $0.resized(width: size, height: size) }
    var noise = RandomStreams(seed: configuration.seed).validation
    let sheet = try reconstructionSheet(
      loaded.model, images: Tensor(images: shown, size: size),
      slotNoise: .normal(
        [shown.count, configuration.numSlots, configuration.slotSize], using: &noise))
    try sheet.write(to: URL(filePath: out))
    Console.print("wrote \(out)")
  }
}

extension FileOptions {
  /// The pictures that a user names one by one, the first of which that cannot be read is an error
  /// unless some were allowed.
  ///
  /// - Throws: `UnreadableImages` when too many cannot be read.
  fileprivate func read(_ paths: [String], defaults: DataSource) throws -> [Image] {
    let tolerance = maxUnreadable ?? 0
    var (pictures, errors): ([Image], [any Error]) = ([], [])
    for path in paths {
      do {
        pictures.append(
          try Image(
            contentsOfFile: path,
            appliesOrientation: exifOrientation ?? defaults.exifOrientation ?? false))
      } catch {
        errors.append(error)
      }
    }
    if let first = errors.first, errors.count > tolerance || pictures.isEmpty {
      throw UnreadableImages(
        count: errors.count, part: "the images named", tolerance: tolerance, first: "\(first)")
    }
    for error in errors { Console.warn("skipped \(error)") }
    return pictures
  }
}

/// Refuses a picture whose name says that it is of another format than it will be.
func expectPNG(_ path: String, of option: String) throws {
  guard path.lowercased().hasSuffix(".png") else {
    throw ValidationError(
      "--\(option) \(path): pictures are written as PNG; choose a name that ends in .png")
  }
}
