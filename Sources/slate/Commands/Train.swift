import ArgumentParser
import Collectives
import Foundation
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// The command `slate train`.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train SLATE on a folder of images or on generated scenes.",
    discussion: """
        slate train
        slate train --data pictures --steps 20000 --out runs/pictures
        slate train --resume runs/pictures --steps 40000

      The run's folder gets:

        checkpoint.safetensors  weights and state; checkpoint.previous the ones before
        config.json             the configuration, which --config reads
        run.json                what was computed, with what, on which data
        reconstructions.png     some images beside what the model sees in them
        metrics.jsonl           losses and times of each step, for `slate plot`
        events.out.tfevents.*   the same for TensorBoard

      Started by mpirun, if it was built with MPI, the processes share each batch, and the first of \
      them writes.

      An interrupt (Ctrl-C) finishes the step, saves, and says how to go on; another one, a second \
      later, ends at once.
      """)

  @OptionGroup(title: "Configuration") var values: ConfigurationOptions
  @OptionGroup(title: "Data") var source: DataOptions
  @Option(
    help: ArgumentHelp(
      "Train for so many passes through the training images, in place of --steps.",
      valueName: "count"))
  var epochs: Int?
  @Option(
    name: [.customLong("out"), .customLong("log-path")],
    help: ArgumentHelp("The run's folder; default the next free runs/slate-NNN.", valueName: "run"))
  var out: String?
  @Option(
    name: [.customLong("resume"), .customLong("checkpoint-path")],
    help: ArgumentHelp(
      "Continue a run where its checkpoint was written (the run's folder, or a checkpoint in it); "
        + "options change its configuration.",
      valueName: "run"))
  var resume: String?
  @Option(
    help: ArgumentHelp(
      "Threads that share each batch, or a rank's part of it; default the number of processors.",
      valueName: "count"))
  var workers: Int?
  @Option(
    help: ArgumentHelp("Threads that decode images ahead of training.", valueName: "count"))
  var numWorkers = 2
  @Option(
    help: ArgumentHelp(
      "Under mpirun: a rank that has waited so long for another one ends the job.",
      valueName: "seconds"))
  var rankTimeout = Ranks.defaultPatience
  @Flag(help: "Print the configuration as JSON and stop.")
  var printConfig = false
  @Flag(help: "Measure a few steps, print where their time goes by operator, and stop.")
  var profile = false

  func validate() throws {
    for (option, value) in [("workers", workers), ("num-workers", numWorkers)] {
      if let value, !(1...1024).contains(value) {
        throw ValidationError("--\(option) \(value): it must be between 1 and 1024")
      }
    }
    guard (1...1_000_000).contains(rankTimeout) else {
      throw ValidationError("--rank-timeout \(rankTimeout): it must be between 1 and 1000000")
    }
    if let epochs {
      guard (1...1_000_000).contains(epochs) else {
        throw ValidationError("--epochs \(epochs): it must be between 1 and 1000000")
      }
      guard values.steps == nil, !printConfig else {
        throw ValidationError(
          "--epochs \(epochs): the number of steps follows from it and the data; leave out --steps "
            + "and --print-config")
      }
    }
    if resume != nil, out != nil {
      throw ValidationError("--resume continues in the run's own folder; leave --out out")
    }
    if profile, resume != nil || out != nil {
      throw ValidationError("--profile writes nothing; leave --out and --resume out")
    }
  }

  func run() throws {
    if printConfig {
      Console.print(try values.resolved().json(), terminator: "")
      return
    }
    if profile {
      try Ranks.expectOne("train --profile")
      if let workers { Workers.count = workers }
      let data = source.source()
      var (configuration, loader) = try prepared(values.resolved(), data)
      configuration.probeEvery = 0
      if configuration.dvaeSteps > 0 {
        // So many that none of the steps that are measured as the dVAE's trains all else.
        configuration.dvaeSteps = max(configuration.dvaeSteps, Trainer.profiledSteps)
      }
      var trainer = try Trainer(configuration, loader: loader)
      Console.print(try trainer.profileOfSteps())
      return
    }
    let ranks = try Ranks.start(patience: rankTimeout)
    let share = WorkersOfRank(ranks, asked: workers)
    Workers.count = share.count
    if let warning = share.warning { Console.warn(warning) }
    var session = try resume.map { try continuedSession($0, ranks) } ?? newSession(ranks)
    try session.run()
  }

  /// A run in memory, the source of its images, and whether measurements of its model still hold.
  private typealias Prepared = (trainer: Trainer, data: DataSource, keepsScores: Bool)

  private func newSession(_ ranks: Communicator) throws -> TrainingSession {
    let new = try ranks.together { () -> Prepared in
      let data = source.source()
      let (configuration, loader) = try prepared(values.resolved(), data)
      return (try Trainer(configuration, loader: loader, ranks: ranks), data, false)
    }
    return try TrainingSession(
      new.trainer, data: new.data, tolerance: new.trainer.loader.tolerance
    ) { try HeldRun.create(at: out) }
  }

  private func continuedSession(
    _ path: String, _ ranks: Communicator
  ) throws -> TrainingSession {
    let held = try ranks.together {
      ranks.rank == 0 ? try HeldRun(LoadedRun.located(at: path).folder) : nil
    }
    let continued = try ranks.together { try continuedTrainer(path, ranks) }
    return try TrainingSession(
      continued.trainer, data: continued.data, tolerance: continued.trainer.loader.tolerance,
      keepsScores: continued.keepsScores
    ) { held }
  }

  private func continuedTrainer(_ path: String, _ ranks: Communicator) throws -> Prepared {
    let run = try LoadedRun(at: path)
    let data = source.source(or: run.state.data)
    let (configuration, loader) = try prepared(
      values.resolved(from: run.state.configuration), data)
    if let (option, former, wanted) = try run.state.configuration.difference(
      ofModelTo: configuration)
    {
      throw RunError(
        path: path,
        reason: "its model cannot be changed: \(option) is \(former), and would now be \(wanted)",
        remedy: "leave this option out, or begin a new run")
    }
    let warning = run.otherImages(loader.data)
    if let warning {
      Console.warn("\(warning); what follows differs from an uninterrupted run")
    }
    let last = try LoadedRun.located(at: path).checkpoint.lastPathComponent
    let keepsScores =
      last == run.folder.checkpoint.lastPathComponent && warning == nil
      && run.state.configuration == configuration && run.state.data == data
    return (
      try Trainer(resuming: run, configuration: configuration, loader: loader, ranks: ranks), data,
      keepsScores
    )
  }

  /// The images, and the configuration with the number of steps that `epochs` implies.
  private func prepared(
    _ configuration: RunConfiguration, _ data: DataSource
  ) throws -> (RunConfiguration, BatchLoader) {
    let dataset = try data.open(imageSize: configuration.imageSize, seed: configuration.seed)
    let loader = BatchLoader(
      dataset, batchSize: configuration.batchSize, seed: configuration.seed, dropsLast: true,
      threads: numWorkers, tolerance: data.tolerance(of: dataset), warn: Console.warn)
    if data.path != nil { try loader.readAheadIfSmall() }
    var configuration = configuration
    if let epochs { configuration.steps = epochs * configuration.stepsPerEpoch(of: loader) }
    return (try configuration.validated(), loader)
  }
}
