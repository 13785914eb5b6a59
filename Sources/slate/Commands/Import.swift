import ArgumentParser
import Foundation
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// `slate import`.
struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn published weights into a run.",
    discussion: """
      The file holds the "model" entry of a published checkpoint, saved as safetensors:

        state = torch.load("checkpoint.pt.tar")["model"]
        state = {k: v for k, v in state.items() if not k.endswith("self_attn_mask")}
        safetensors.torch.save_file(state, "published.safetensors")

      Sizes are read from the tensors; what they do not show (the numbers of slots and heads) is \
      given by options, by default as published.
      """)

  @Argument(help: "The safetensors file.") var file: String
  @Option(
    help: ArgumentHelp("The run's folder; default the next free runs/slate-NNN.", valueName: "run"))
  var out: String?
  @OptionGroup(title: "Configuration") var values: ConfigurationOptions

  func run() throws {
    let source = try SafetensorsFile(contentsOf: URL(filePath: file))
    var published = Preset.shapes3d.configuration
    try published.readSizes(of: source, path: file)
    let configuration = try values.resolved(from: published)
    var generator = Philox(seed: configuration.seed)
    let model = SLATE(configuration.model, using: &generator)
    try Checkpoint(contentsOf: URL(filePath: file)).restore(model)
    let folder = try RunFolder.create(at: out ?? RunFolder.nextFree())
    let state = RunState(progress: .init(), configuration: configuration, data: DataSource())
    try Checkpoint(of: model, optimizer: Adam(), metadata: state.metadata)
      .write(to: folder.checkpoint)
    try configuration.json().write(to: folder.configuration, atomically: true, encoding: .utf8)
    print("wrote \(folder.url.relativePath): \(model.parameterCount) parameters")
  }
}

extension RunConfiguration {
  /// Takes the sizes that a model's tensors show.
  ///
  /// - Throws: `RunError` naming a tensor that every model has and this file has not.
  fileprivate mutating func readSizes(of file: SafetensorsFile, path: String) throws {
    func shape(_ name: String, rank: Int) throws -> [Int] {
      guard let entry = file[name], entry.shape.count == rank else {
        throw RunError(
          path: path, reason: "it has no tensor '\(name)' with \(rank) axes",
          remedy: "save the model's state dictionary under its published names")
      }
      return entry.shape
    }
    let dictionary = try shape("dictionary.dictionary.weight", rank: 2)
    (vocabSize, dModel) = (dictionary[0] - 1, dictionary[1])
    let tokens = try shape("positional_encoder.pe", rank: 3)[1] - 1
    imageSize = 4 * Int(Double(max(tokens, 0)).squareRoot().rounded())
    slotSize = try shape("slot_proj.weight", rank: 2)[1]
    mlpHiddenSize = try shape("slot_attn.slot_attention.mlp.0.weight", rank: 2)[0]
    numDecBlocks = file.entries.filter {
      $0.name.hasPrefix("tf_dec.blocks.") && $0.name.hasSuffix(".ffn.0.weight")
    }.count
    if let learned = file["slot_attn.slot_init"], learned.shape.count == 3 {
      (slotInit, numSlots) = (.learned, learned.shape[1])
    }
  }
}
