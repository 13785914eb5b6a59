import ArgumentParser
import Foundation
import Images
import Training

/// The command `slate plot`.
struct Plot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw the metrics of one or several runs.",
    discussion: """
        slate plot runs/slate-001 runs/slate-002 --out plots

      Writes an SVG chart for each quantity that the runs have measured: losses, the gradient's \
      norm, and, of runs with --probe-every, the Jacobian's spectral norm, the residual of the \
      slots' fixed point and the gradient's cosine to the exact one.
      """)

  @Argument(help: ArgumentHelp("The runs' folders.", valueName: "run")) var runs: [String]
  @Option(help: ArgumentHelp("The folder to write to.", valueName: "dir")) var out = "plots"
  @Flag(help: "Draw narrow charts, for one column of a page.") var narrow = false

  private static let quantities: [(key: String, title: String, axis: LineChart.Axis)] = [
    (
      "cross_entropy", "Cross-entropy in training",
      .init("cross-entropy", unit: "nats an image", .logarithmic)
    ),
    (
      "mse", "Autoencoder's error in training",
      .init("squared error", unit: "an image", .logarithmic)
    ),
    (
      "val_cross_entropy", "Cross-entropy in validation",
      .init("cross-entropy", unit: "nats an image", .logarithmic)
    ),
    (
      "val_mse", "Autoencoder's error in validation",
      .init("squared error", unit: "an image", .logarithmic)
    ),
    ("gradient_norm", "Gradient before clipping", .init("largest entry", .logarithmic)),
    (
      "slot_gradient_norm", "Gradient of slot attention before clipping",
      .init("largest entry", .logarithmic)
    ),
    (
      "jacobian_spectral_norm", "Jacobian of slot attention",
      .init("spectral norm", .logarithmic)
    ),
    ("relative_residual", "Residual of slot attention", .init("relative residual", .logarithmic)),
    ("adjoint_cosine", "Adjoint against the exact one", .init("cosine")),
  ]

  func run() throws {
    let runs = eachRunOnce(runs)
    let logs = try runs.map { path in
      (name: Plot.name(of: path, in: runs), lines: try lines(of: path))
    }
    let folder = URL(filePath: out, directoryHint: .isDirectory)
    try makeFolder(folder, named: out)
    for (key, title, axis) in Plot.quantities {
      let series = logs.map { log in
        LineChart.Series(
          log.name,
          log.lines.compactMap { line in
            line[key].flatMap { value in line["step"].map { (x: $0, y: value) } }
          })
      }.filter { !$0.points.isEmpty }
      guard !series.isEmpty else { continue }
      let chart = LineChart(title: title, x: .init("step"), y: axis, series: series)
      let url = folder.appending(path: "\(key).svg")
      do {
        try chart.svg(narrow ? .narrow : .wide).write(to: url, atomically: true, encoding: .utf8)
      } catch {
        throw RunError(
          path: url.relativePath, reason: "it cannot be written (\(error.systemReason))",
          remedy: "free some space or choose another --out")
      }
      Console.print("wrote \(out)/\(key).svg")
    }
  }

  /// The name of a run in the legend: its folder's name, or the whole path if several runs share
  /// the name.
  private static func name(of path: String, in runs: [String]) -> String {
    func last(_ path: String) -> String { URL(filePath: path).lastPathComponent }
    return runs.count { last($0) == last(path) } > 1 ? path : last(path)
  }

  /// The measurements of a run.
  ///
  /// - Throws: `RunError` or `LogError` when there is nothing to draw.
  private func lines(of path: String) throws -> [[String: Double]] {
    let metrics = RunFolder(url: URL(filePath: path, directoryHint: .isDirectory)).metrics
    guard FileManager.default.fileExists(atPath: metrics.path) else {
      let exists = FileManager.default.fileExists(atPath: path)
      throw RunError(
        path: path, reason: exists ? "it holds no metrics.jsonl" : "there is no such folder",
        remedy: "give the folder that `slate train` wrote, after its first step")
    }
    let lines = try MetricsLog.read(metrics)
    guard !lines.isEmpty else {
      throw RunError(
        path: metrics.relativePath, reason: "nothing has been measured yet",
        remedy: "wait for the run's first step, or leave the run out")
    }
    return lines
  }
}
