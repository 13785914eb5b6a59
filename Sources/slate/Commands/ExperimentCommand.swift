import ArgumentParser
import Foundation
import ObjectCentric

/// The command `slate experiment`.
struct ExperimentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "experiment",
    abstract: "Repeat an experiment of the paper, with several seeds.",
    usage: "slate experiment <name> --out <dir> [<options>]",
    discussion: """
        slate experiment solvers --out results/solvers
        slate experiment datasets --data CLEVR mirrors --out results/datasets

      Trains and measures all runs that the experiment is made of, several at a time, and writes \
      tables, charts and pictures into the folder: report.md shows them. Every run is a run like any \
      other, under runs/. An interrupt (Ctrl-C) saves them; the same command goes on. A run that fails \
      is counted and named, and is tried again when the command is given again.

      \(Experiment.all.map { "\($0.name): \($0.shows)" }.joined(separator: "\n\n"))
      """)

  @Argument(help: "complexity, solvers, tricks, iterations, datasets or estimators.")
  var name: String
  @Option(help: ArgumentHelp("The folder of runs and results.", valueName: "dir")) var out: String
  @Option(help: ArgumentHelp("How large the runs are.", valueName: "size"))
  var scale = ExperimentScale.small
  @Option(
    help: ArgumentHelp(
      "Runs that differ in the seed alone; default 3, and 5 at the paper's scale.",
      valueName: "count"))
  var seeds: Int?
  @Option(
    help: ArgumentHelp(
      "The steps of a run, with schedules in proportion; default 2000, and 250000 at the paper's "
        + "scale.", valueName: "count"))
  var steps: Int?
  @Option(
    name: [.customLong("data"), .customLong("data-path")], parsing: .upToNextOption,
    help: ArgumentHelp(
      "Folders of images, as for train; several for datasets alone. Default generated scenes.",
      valueName: "path"))
  var data: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Generated scenes, as for train; several styles for datasets alone. Default plain.",
      valueName: "style"))
  var scenes: [SceneStyle] = []
  @OptionGroup(title: "Data") var reading: ReadingOptions
  @Option(
    help: ArgumentHelp(
      "The images that trained models are measured on; default as many as in validations.",
      valueName: "count"))
  var images: Int?
  @Option(
    help: ArgumentHelp(
      "Weights of the FID Inception network, as safetensors, for datasets.", valueName: "file"))
  var inception: String?
  @Option(
    help: ArgumentHelp(
      "Runs at a time, which share the processors; default as many as there are processors.",
      valueName: "count"))
  var parallel: Int?
  @Flag(help: "Print the runs and how long they will take, and stop.") var dryRun = false

  func validate() throws {
    guard let experiment = Experiment.named(name) else {
      throw ValidationError(
        "there is no experiment '\(name)'; there are "
          + Experiment.all.map(\.name).joined(separator: ", "))
    }
    for (option, value, most) in [
      ("seeds", seeds, 1000), ("steps", steps, RunConfiguration.largestCount),
      ("images", images, 1_000_000), ("parallel", parallel, 1024),
    ] {
      if let value, !(1...most).contains(value) {
        throw ValidationError("--\(option) \(value): it must be between 1 and \(most)")
      }
    }
    let sets = data.count + scenes.count
    guard sets <= 1 || experiment.takesSeveralDataSets else {
      throw ValidationError(
        "--data and --scenes name \(sets) sets of images; \(name) looks at one, and datasets at several"
      )
    }
    guard inception == nil || experiment.quantities.contains(.distance) else {
      throw ValidationError("--inception belongs to datasets; \(name) measures no FID")
    }
  }

  func run() throws {
    let plan = try plan()
    var engine = ExperimentEngine(plan, parallel: parallel)
    if dryRun {
      describe(plan, engine)
      Console.print(try ExperimentCost(of: plan, parallel: engine.runsAtATime).text)
      return
    }
    let folder = try ExperimentFolder(plan)
    describe(plan, engine)
    if plan.setting.scale == .paper {
      Console.tell(try ExperimentCost(of: plan, parallel: engine.runsAtATime).text)
    }
    let isComplete = try engine.run()
    let results = try ExperimentResults(of: plan)
    try ExperimentReport(results).write()
    withExtendedLifetime(folder) {}
    guard isComplete else {
      Console.tell("stopped; give the same command again to go on")
      return
    }
    if let first = results.runs.first?.failure, results.failures == plan.runs.count {
      throw RunError(
        path: out, reason: "every run failed; the first: \(first)",
        remedy: "mend that, then give the same command again")
    }
    Console.print(results.table.markdown)
    if results.failures > 0 {
      Console.warn("\(results.failures) of \(plan.runs.count) runs failed; report.md names them")
    }
    Console.print("wrote \(out)/report.md")
  }

  private func plan() throws -> ExperimentPlan {
    guard let experiment = Experiment.named(name) else {
      throw ValidationError("there is no experiment '\(name)'")
    }
    var setting = ExperimentSetting(scale: scale, steps: steps)
    setting.data = (data.map { DataSource(path: $0) } + scenes.map(setting.generatedScenes)).map {
      var source = $0
      reading.apply(to: &source)
      return source
    }
    if setting.data.isEmpty {
      var generated = setting.source
      let usual = generated
      reading.apply(to: &generated)
      if generated != usual { setting.data = [generated] }
    }
    reading.warnOfUnused(in: setting.sources)
    var plan = try ExperimentPlan(
      experiment, setting, seeds: seeds ?? scale.seeds,
      folder: URL(filePath: out, directoryHint: .isDirectory))
    plan.images = images
    plan.inception = inception
    return plan
  }

  private func describe(_ plan: ExperimentPlan, _ engine: ExperimentEngine) {
    let finished = plan.runs.count { plan.isFinished($0) }
    Console.tell(plan.experiment.shows)
    let seeds = "\(plan.seeds) \(plan.seeds == 1 ? "seed" : "seeds")"
    Console.tell(
      "\(plan.arms.count) arms with \(seeds) each: \(plan.arms.map(\.label).joined(separator: "; "))"
    )
    let state = finished > 0 ? ", \(finished) finished already" : ""
    Console.tell("\(plan.runs.count) runs\(state); \(engine.division)")
  }
}
