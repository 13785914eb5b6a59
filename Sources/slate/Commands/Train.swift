import ArgumentParser
import Foundation
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// `slate train`.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train SLATE on a folder of images or on generated scenes.",
    discussion: """
      Writes to the run's folder: checkpoint.safetensors, config.json, metrics.jsonl (a JSON \
      object a line) and reconstructions.png (a row an image: image, dVAE reconstruction, \
      reconstruction through the slots, what each slot attends to). An interrupt finishes the \
      step, saves, and says how to go on.
      """)

  @OptionGroup(title: "Configuration") var values: ConfigurationOptions
  @OptionGroup(title: "Data") var source: DataOptions
  @Option(
    help: ArgumentHelp("The run's folder; default the next free runs/slate-NNN.", valueName: "run"))
  var out: String?
  @Option(
    help: ArgumentHelp(
      "Continue a run where its checkpoint was written; options change its configuration.",
      valueName: "run"))
  var resume: String?
  @Option(help: "Threads that share each batch; default the number of processors.")
  var workers: Int?
  @Option(
    help: """
      Unreadable images an epoch that are passed over with a warning; default one in a hundred, at \
      most 10.
      """)
  var maxUnreadable: Int?
  @Flag(help: "Print the configuration as JSON and stop.")
  var printConfig = false

  func validate() throws {
    if let workers, workers < 1 {
      throw ValidationError("--workers \(workers): at least one is needed")
    }
    if let maxUnreadable, maxUnreadable < 0 {
      throw ValidationError("--max-unreadable \(maxUnreadable): it must be 0 or more")
    }
    if resume != nil, out != nil {
      throw ValidationError("--resume continues in the run's own folder; leave --out out")
    }
  }

  func run() throws {
    if printConfig {
      print(try values.resolved().json())
      return
    }
    if let workers { Workers.count = workers }
    var session = try resume.map(continuedSession) ?? newSession()
    try session.run()
  }

  private func newSession() throws -> TrainingSession {
    let configuration = try values.resolved()
    let data = source.source()
    let trainer = try Trainer(configuration, loader: try loader(configuration, data))
    let folder = try RunFolder.create(at: out ?? RunFolder.nextFree())
    return try TrainingSession(trainer, folder: folder, data: data)
  }

  private func continuedSession(_ path: String) throws -> TrainingSession {
    let run = try LoadedRun(at: path)
    let configuration = try values.resolved(from: run.state.configuration)
    guard configuration.model == run.state.configuration.model else {
      throw RunError(
        path: path, reason: "the sizes of its model cannot be changed",
        remedy: "leave those options out, or begin a new run")
    }
    let data = source.source(or: run.state.data)
    let trainer = try Trainer(
      resuming: run, configuration: configuration, loader: try loader(configuration, data))
    return try TrainingSession(trainer, folder: run.folder, data: data)
  }

  private func loader(_ configuration: RunConfiguration, _ data: DataSource) throws -> BatchLoader {
    let dataset = try data.open(imageSize: configuration.imageSize, seed: configuration.seed)
    let loader = BatchLoader(
      dataset, batchSize: configuration.batchSize, seed: configuration.seed, dropsLast: true,
      tolerance: maxUnreadable ?? min(10, dataset.count(of: .train) / 100))
    if data.path != nil { try loader.readAheadIfSmall() }
    return loader
  }
}
