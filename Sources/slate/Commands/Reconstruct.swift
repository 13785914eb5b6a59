import ArgumentParser
import Foundation
import Images
import ObjectCentric
import Tensors

/// The command `slate reconstruct`.
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
    let images = try files.read(images, defaults: loaded.state.data).map(\.image)
    let sheet = try reconstructionSheet(
      loaded.model, images: loaded.tensor(of: images),
      slotNoise: loaded.slotNoise(count: images.count))
    try sheet.write(to: URL(filePath: out))
    Console.print("wrote \(out)")
  }
}

/// Refuses a path for a picture whose ending names another format than the picture will have.
func expectPNG(_ path: String, of option: String) throws {
  guard path.lowercased().hasSuffix(".png") else {
    throw ValidationError(
      "--\(option) \(path): pictures are written as PNG; choose a name that ends in .png")
  }
}
