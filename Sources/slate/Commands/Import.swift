import ArgumentParser
import Foundation
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// The command `slate import`.
struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn published weights into a run.",
    discussion: """
      The file holds the "model" entry of a published checkpoint, saved as safetensors:

        state = torch.load("checkpoint.pt.tar")["model"]
        state = {k: v for k, v in state.items() if not k.endswith("self_attn_mask")}
        safetensors.torch.save_file(state, "published.safetensors")

      Sizes are read from the tensors; what they do not show (the numbers of slots and heads) is \
      given by options, by default as published (--preset shapes3d). The temperature stays where training leaves it \
      (--tau-steps 0). The run has no images yet: `slate train --resume RUN --data DIR` trains on, \
      and without --data all commands use generated scenes.
      """)

  @Argument(help: "The safetensors file.") var file: String
  @Option(
    help: ArgumentHelp("The run's folder; default the next free runs/slate-NNN.", valueName: "run"))
  var out: String?
  @OptionGroup(title: "Configuration") var values: ConfigurationOptions

  func run() throws {
    let checkpoint = try Checkpoint(contentsOf: URL(filePath: file))
    var published = Preset.shapes3d.configuration
    published.tauSteps = 0
    try published.readSizes(of: checkpoint, path: file)
    let configuration = try values.resolved(from: published)
    try checkpoint.expectHolds(configuration.model, path: file)
    var generator = Philox(seed: configuration.seed)
    let model = SLATE(configuration.model, using: &generator)
    try checkpoint.restore(model)
    let held = try HeldRun.create(at: out)
    let state = RunState(progress: .init(), configuration: configuration, data: DataSource())
    try Checkpoint(of: model, optimizer: Adam(), metadata: state.metadata)
      .write(to: held.folder.checkpoint)
    try held.folder.write(configuration.json(), to: held.folder.configuration)
    Console.print("wrote \(held.folder.url.relativePath): \(model.parameterCount) parameters")
  }
}
