import ArgumentParser
import Foundation
import Images
import Training

/// `slate plot`.
struct Plot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw the metrics of one or several runs.",
    discussion: """
      Writes an SVG chart for each quantity that the runs have measured: losses, the gradient's \
      norm, and, of runs with --probe-every, the Jacobian's spectral norm, the residual of the \
      slots' fixed point and the gradient's cosine to the exact one.
      """)

  @Argument(help: ArgumentHelp("The runs' folders.", valueName: "run")) var runs: [String]
  @Option(help: ArgumentHelp("The folder to write to.", valueName: "dir")) var out = "plots"
  @Flag(help: "Charts for one column of a page.") var narrow = false

  private static let quantities: [(key: String, axis: LineChart.Axis)] = [
    ("cross_entropy", .init("training cross-entropy", unit: "nats an image", .logarithmic)),
    ("mse", .init("training squared error", unit: "an image", .logarithmic)),
    ("val_cross_entropy", .init("validation cross-entropy", unit: "nats an image", .logarithmic)),
    ("val_mse", .init("validation squared error", unit: "an image", .logarithmic)),
    ("gradient_norm", .init("largest gradient entry", .logarithmic)),
    ("jacobian_spectral_norm", .init("spectral norm of the Jacobian", .logarithmic)),
    ("relative_residual", .init("relative residual of the slots", .logarithmic)),
    ("adjoint_cosine", .init("cosine to the exact adjoint")),
  ]

  func run() throws {
    let logs = try runs.map { path in
      (
        name: URL(filePath: path).lastPathComponent,
        lines: try MetricsLog.read(
          RunFolder(url: URL(filePath: path, directoryHint: .isDirectory)).metrics)
      )
    }
    do {
      try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
    } catch {
      throw RunError(
        path: out, reason: "the folder cannot be made (\(error.localizedDescription))",
        remedy: "choose another --out")
    }
    for (key, axis) in Plot.quantities {
      let series = logs.map { log in
        LineChart.Series(
          log.name,
          log.lines.compactMap { line in
            line[key].flatMap { value in line["step"].map { (x: $0, y: value) } }
          })
      }.filter { !$0.points.isEmpty }
      guard !series.isEmpty else { continue }
      let chart = LineChart(x: .init("step"), y: axis, series: series)
      let url = URL(filePath: out).appending(path: "\(key).svg")
      try chart.svg(narrow ? .narrow : .wide).write(to: url, atomically: true, encoding: .utf8)
      print("wrote \(out)/\(key).svg")
    }
  }
}
