import ArgumentParser
import Foundation
import Images
import Tensors

/// `slate reconstruct`.
struct Reconstruct: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a run's model sees in images.",
    discussion: """
      A row an image: the image, the dVAE's reconstruction, the image regenerated through the \
      slots, and what each slot attends to.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @Argument(help: "PNG or JPEG files; they are resized to the model's size.") var images: [String]
  @Option(help: ArgumentHelp("The picture to write.", valueName: "file.png")) var out: String

  func validate() throws { try expectPNG(out, of: "out") }

  func run() throws {
    let loaded = try LoadedRun(at: runPath)
    let configuration = loaded.state.configuration
    let size = configuration.imageSize
    let pixels = try images.flatMap {
      try Image(contentsOf: URL(filePath: $0)).resized(width: size, height: size).pixels
    }
    var noise = RandomStreams(seed: configuration.seed).validation
    let sheet = try reconstructionSheet(
      loaded.model, images: Tensor(bytes: pixels, shape: [images.count, size, size, 3]),
      slotNoise: .normal(
        [images.count, configuration.numSlots, configuration.slotSize], using: &noise))
    try sheet.write(to: URL(filePath: out))
    Console.print("wrote \(out)")
  }
}

/// Refuses a picture whose name says that it is of another format than it will be.
func expectPNG(_ path: String, of option: String) throws {
  guard path.lowercased().hasSuffix(".png") else {
    throw ValidationError(
      "--\(option) \(path): pictures are written as PNG; choose a name that ends in .png")
  }
}
