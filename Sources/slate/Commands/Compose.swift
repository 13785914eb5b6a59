import ArgumentParser
import Foundation
import Images
import Tensors
import Training

/// The command `slate compose`.
struct Compose: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw scenes from slots of one or several images.",
    usage: "slate compose <run> <slots.safetensors> --scene <slots> ... --out <file.png>",
    discussion: """
        slate slots runs/pictures one.png two.png --out found
        slate compose runs/pictures found/slots.safetensors --scene 0:0,0:2,1:3 --out scene.png

      A scene is a list of slots, each the number of an image in the file and the number of one of its \
      slots, both from 0: here two slots of one.png and one of two.png. The pictures of several scenes \
      stand side by side. A scene without a slot that holds the background may have none.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @Argument(help: ArgumentHelp("What `slate slots` wrote.", valueName: "slots.safetensors"))
  var file: String
  @Option(
    help: ArgumentHelp("A scene's slots, as 0:2,1:3; give it for each scene.", valueName: "slots"))
  var scene: [SlotList]
  @Option(help: ArgumentHelp("The picture to write.", valueName: "file.png")) var out: String

  func validate() throws {
    try expectPNG(out, of: "out")
    if scene.isEmpty {
      throw ValidationError("--scene is missing; 0:0,0:1 is the first two slots of the first image")
    }
  }

  func run() throws {
    let loaded = try LoadedRun(at: runPath)
    let slots = try SlotFile.slots(at: file, for: loaded)
    let size = loaded.state.configuration.imageSize
    let pictures = try scene.map { list in
      let chosen = try list.places.map { image, slot in
        guard image < slots.shape[0], slot < slots.shape[1] else {
          throw RunError(
            path: file,
            reason:
              "there is no slot \(image):\(slot): it holds \(slots.shape[1]) slots of each of "
              + "\(slots.shape[0]) images",
            remedy: "numbers begin at 0; `slate slots` says how many there are")
        }
        return slots[image, slot]
      }
      let picture = loaded.model.composed(
        Tensor.stacked(chosen).expandedDimensions(at: 0))
      return try Image(picture.reshaped([size, size, 3]), of: "the scene drawn from the slots")
    }
    try Image.grid([pictures], enlargement: max(1, 128 / size)).write(to: URL(filePath: out))
    Console.print("wrote \(out)")
  }
}

/// Slots, given as pairs of an image's number and a slot's number: 0:2,1:3.
struct SlotList: ExpressibleByArgument {
  let places: [(image: Int, slot: Int)]

  init?(argument: String) {
    var places: [(image: Int, slot: Int)] = []
    for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let numbers = word.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
      guard numbers.count == 2, let image = numbers[0], let slot = numbers[1], image >= 0, slot >= 0
      else { return nil }
      places.append((image, slot))
    }
    self.places = places
  }
}

/// The file of slots that `slate slots` writes.
enum SlotFile {
  static let name = "slots.safetensors"

  /// Its slots, [images, slots, slot size].
  ///
  /// - Throws: `SafetensorsError` when the file cannot be read; `RunError` when its slots have
  ///   another size than the model's.
  static func slots(at path: String, for run: LoadedRun) throws -> Tensor {
    let slots = try SafetensorsFile(contentsOf: URL(filePath: path)).tensor("slots")
    let size = run.state.configuration.slotSize
    guard slots.shape.rank == 3, slots.shape[2] == size, slots.dtype == .float32 else {
      throw RunError(
        path: path,
        reason: "its slots are \(slots.dtype) \(slots.shape), and the run's are float32 [images, "
          + "slots, \(size)]",
        remedy: "write them with `slate slots` from the same run")
    }
    guard slots.largestMagnitude.isFinite else {
      throw RunError(
        path: path, reason: "it holds slots that are not finite",
        remedy: "write them again with `slate slots`")
    }
    return slots
  }
}
