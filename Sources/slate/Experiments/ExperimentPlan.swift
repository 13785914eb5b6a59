import Foundation

/// The runs of an experiment, with their places in a folder.
struct ExperimentPlan: Sendable {
  /// A run: one arm with one seed.
  struct Run: Sendable {
    let arm: Arm
    /// The arm's position in the plan.
    let position: Int
    let configuration: RunConfiguration
    let folder: RunFolder

    var seed: UInt64 { configuration.seed }
    /// The name of the run in progress displays.
    var name: String { "\(arm.label), seed \(seed)" }
    /// The file of measurements of the trained model, with the number of iterations of training or
    /// another one.
    func scores(iterations: Int? = nil) -> URL {
      folder.url.appending(path: iterations.map { "scores-\($0).json" } ?? "scores.json")
    }
    /// The file of the cost of a pass.
    var cost: URL { folder.url.appending(path: "cost.json") }
    /// The file with the reason of a failure.
    var failure: URL { folder.url.appending(path: "failure.txt") }
  }

  let experiment: Experiment
  let setting: ExperimentSetting
  let arms: [Arm]
  /// The runs of each arm, one for each seed.
  let runs: [Run]
  let seeds: Int
  /// The folder of the experiment.
  let folder: URL
  /// The number of images on which trained models are measured; nil for that of validations.
  var images: Int?
  /// The weights of the network for the Frechet inception distance.
  var inception: String?

  /// All runs of an experiment, from seed 0 on.
  ///
  /// - Throws: `ConfigurationError` for a configuration that makes no sense.
  init(
    _ experiment: Experiment, _ setting: ExperimentSetting, seeds: Int, folder: URL
  ) throws {
    self.experiment = experiment
    self.setting = setting
    self.seeds = seeds
    self.folder = folder
    let arms = experiment.arms(setting)
    self.arms = arms
    let names = distinct(arms.map(\.folderName)) { "\($0)-\($1.ordinal)" }
    // All arms have their first seed before any has its second, so with three seeds one sees every
    // arm after a third of the time.
    runs = try (0..<seeds).flatMap { seed in
      try arms.enumerated().map { position, arm in
        var configuration = arm.configuration
        configuration.seed = UInt64(seed)
        let name = "runs/\(names[position])-seed\(seed)"
        return Run(
          arm: arm, position: position, configuration: try configuration.validated(),
          folder: RunFolder(url: folder.appending(path: name, directoryHint: .isDirectory)))
      }
    }
  }

  /// The number of steps of all runs together.
  var steps: Int { runs.reduce(0) { $0 + $1.configuration.steps } }

  /// The files that a finished run has.
  func results(of run: Run) -> [URL] {
    switch experiment.work {
    case .passes: [run.cost]
    case .training:
      [run.scores()] + experiment.testIterations(run.arm).map { run.scores(iterations: $0) }
    }
  }

  /// Whether all files of a run's results exist.
  func isFinished(_ run: Run) -> Bool {
    results(of: run).allSatisfy { FileManager.default.fileExists(atPath: $0.path) }
  }

  /// The arguments with which `slate` begins or continues a run.
  func trainingArguments(_ run: Run, workers: Int) -> [String] {
    let path = run.folder.url.path
    let common = ["--workers", "\(workers)", "--num-workers", "1"]
    if run.folder.holdsRun { return ["train", "--resume", path] + common }
    return ["train", "--config", run.folder.configuration.path, "--out", path] + common
      + run.arm.data.arguments
  }

  /// The arguments with which `slate` measures a trained model.
  func scoringArguments(_ run: Run, iterations: Int?) -> [String] {
    var words = ["evaluate", run.folder.url.path, "--json"]
    if let images { words += ["--images", "\(images)"] }
    if let iterations {
      words += ["--iterations", "\(iterations)"]
    } else if let inception, experiment.quantities.contains(.distance) {
      words += ["--inception", inception]
    }
    return words
  }
}

extension DataSource {
  /// The options of `slate train` that name this source.
  var arguments: [String] {
    func option(_ name: String, _ value: Int?) -> [String] {
      value.map { [name, "\($0)"] } ?? []
    }
    return (place.map { ["--data", $0] } ?? (scenes.map { ["--scenes", $0.rawValue] } ?? []))
      + option("--center-crop", centerCrop)
      + option("--limit", limit) + option("--mask-ignore", maskIgnore)
      + (exifOrientation.map { [$0 ? "--exif-orientation" : "--no-exif-orientation"] } ?? [])
      + option("--max-unreadable", maxUnreadable)
  }
}
