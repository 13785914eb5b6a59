import ArgumentParser
import Foundation
import Images
import ObjectCentric
import Tensors
import Training

/// The command `slate slots`.
struct Slots: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write slots and masks that a run's model finds in images.",
    usage: "slate slots <run> <images> ... --out <folder> [<options>]",
    discussion: """
        slate slots runs/pictures photo.jpg drawing.png --out found

      Writes photo-mask.png and drawing-mask.png, in which each slot has a colour, at the model's size; \
      and slots.safetensors with

        slots      the slots, [images, slots, slot size]
        attention  each slot's share of each token, [images, slots, rows, columns]

      `slate compose` draws scenes from slots of such a file.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @Argument(help: "PNG or JPEG files; they are resized to the model's size.") var images: [String]
  @Option(help: ArgumentHelp("The folder to write to; it is made.", valueName: "folder"))
  var out: String
  @OptionGroup(title: "Files") var files: FileOptions

  func run() throws {
    let loaded = try LoadedRun(at: runPath)
    let named = try files.read(images, defaults: loaded.state.data)
    let folder = URL(filePath: out, directoryHint: .isDirectory)
    try makeFolder(folder, named: out)
    let (slots, attention) = try loaded.model.slots(
      of: loaded.tensor(of: named.map(\.image)), noise: loaded.slotNoise(count: named.count))
    _ = (try slots.finite("a slot"), try attention.finite("the attention of a slot"))
    let (count, slotCount) = (slots.shape[0], slots.shape[1])
    let masks = SegmentationMask.segmentations(
      fromAttention: attention.reshaped([count, slotCount, loaded.model.configuration.tokenCount]),
      size: loaded.state.configuration.imageSize)
    for (name, mask) in zip(maskNames(named.map(\.path)), masks) {
      try mask.image.write(to: folder.appending(path: name))
    }
    let sources = named.enumerated().map { ("image.\($0.offset)", $0.element.path) }
    try SafetensorsFile(
      [("slots", slots), ("attention", attention)],
      metadata: SafetensorsMetadata(Dictionary(uniqueKeysWithValues: sources))
    ).write(to: folder.appending(path: SlotFile.name))
    Console.print(
      "wrote \(out): \(count) \(count == 1 ? "mask" : "masks"), and \(SlotFile.name) with "
        + "\(slotCount) slots of each image")
  }

  /// The names of the masks of images: photo.jpg has photo-mask.png; repeated names are numbered.
  private func maskNames(_ paths: [String]) -> [String] {
    let stems = paths.map {
      URL(filePath: $0).deletingPathExtension().lastPathComponent
    }
    return distinct(stems) { "\($0)-\($1.position)" }.map { "\($0)-mask.png" }
  }
}
