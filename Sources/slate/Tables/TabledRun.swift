import Foundation
import ObjectCentric

/// A run as a table sees it.
struct TabledRun {
  let path: String
  let configuration: RunConfiguration
  /// The images, as run.json describes them.
  let images: TabledImages
  private(set) var measured: RunMeasurements
  /// The reason why the run does not count; nil if it does.
  let failure: String?

  /// Reads a run.
  ///
  /// - Parameters:
  ///   - path: the folder of the run.
  ///   - isEvaluating: whether a trained model is measured if this has not been done yet.
  /// - Throws: `RunError` or `LogError` naming the file that cannot be read.
  init(_ path: String, evaluating isEvaluating: Bool) throws {
    self.path = path
    let folder = RunFolder(url: URL(filePath: path, directoryHint: .isDirectory))
    guard let data = try SmallFile.contents(folder.configuration.path),
      FileManager.default.fileExists(atPath: folder.metrics.path)
    else {
      let exists = FileManager.default.fileExists(atPath: path)
      throw RunError(
        path: path,
        reason: exists ? "it holds no config.json with metrics.jsonl" : "there is no such folder",
        remedy: "give folders that `slate train` wrote, after their first step")
    }
    configuration = try RunConfiguration().replacing(
      withJSON: data, path: folder.configuration.path)
    images = try TabledImages(of: folder, imageSize: configuration.imageSize)
    measured = try RunMeasurements(metrics: folder.metrics)
    let reason = try SmallFile.text(folder.url.appending(path: "failure.txt").path)
    failure =
      reason
      ?? (measured.step < configuration.steps
        ? "it has made \(measured.step) of \(configuration.steps) steps" : nil)
    guard failure == nil else { return }
    let file = folder.url.appending(path: "scores.json")
    if isEvaluating, !FileManager.default.fileExists(atPath: file.path) {
      try folder.write(TabledRun.scores(path) + "\n", to: file)
    }
    if FileManager.default.fileExists(atPath: file.path) {
      measured.add(try RunMeasurements.numbers(in: file))
    }
  }

  /// The output of `slate evaluate --json` for a run.
  private static func scores(_ path: String) throws -> String {
    let run = try LoadedRun(at: path)
    let (configuration, data) = (run.state.configuration, run.state.data)
    let dataset = try run.open(data)
    let evaluation = Evaluation(
      model: run.model, configuration: configuration,
      images: try EvaluationImages(
        dataset, .validation, limit: configuration.valImages,
        tolerance: data.tolerance(of: dataset)))
    return try EvaluationScores(evaluation, afterStep: run.state.progress.step).json
  }

  /// The names of the rows of runs: the values in which the runs differ, except the seed.
  ///
  /// - Returns: a name for each run; runs that differ only in the seed have the same name.
  static func names(of runs: [TabledRun]) -> [String] {
    let images = TabledImages.names(of: runs.map(\.images))
    let values = zip(runs, images).map { run, images -> [String: String] in
      let json = (try? run.configuration.json()) ?? "{}"
      var texts = RunConfiguration.texts(ofJSON: Data(json.utf8))
      texts["seed"] = nil
      texts["data"] = images
      return texts
    }
    let keys = Set(values.flatMap(\.keys)).sorted().filter { key in
      Set(values.map { $0[key] ?? "" }).count > 1
    }
    guard !keys.isEmpty else { return runs.map { _ in "all" } }
    return values.map { texts in
      keys.map { "\($0) \(texts[$0] ?? "-")" }.joined(separator: ", ")
    }
  }
}
