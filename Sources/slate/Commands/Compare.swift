import ArgumentParser
import EstimatorComparison
import Foundation
import Images
import ImplicitLayers
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// The command `slate compare`.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare gradient estimators on a trained model's slot attention.",
    discussion: """
        slate compare runs/pictures --images 8 --out comparison

      Solves slot attention on real images to a tight tolerance, takes the cotangent from the \
      cross-entropy of their tokens, and differentiates the same fixed point with every estimator. \
      Prints the table, and writes it as Markdown, CSV and JSON, with charts as SVG.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @OptionGroup(title: "Data") var source: DataOptions
  @Option(help: ArgumentHelp("The part of the data.", valueName: "part"))
  var split = Split.validation
  @Option(help: ArgumentHelp("How many images.", valueName: "count")) var images = 4
  @Option(help: ArgumentHelp("The relative residual of the solve.", valueName: "residual"))
  var tolerance = 1e-8
  @Option(
    name: .customLong("within"),
    help: ArgumentHelp("The most applications of the cell in the solve.", valueName: "count"))
  var limit = 2000
  @Option(
    help: ArgumentHelp(
      "How often time and memory are measured, or 0 for not at all.", valueName: "count"))
  var repeats = 3
  @Option(help: ArgumentHelp("The folder to write to.", valueName: "dir")) var out = "comparison"

  func validate() throws {
    guard images >= 1 else { throw ValidationError("--images \(images): at least one is needed") }
    guard limit >= 1 else { throw ValidationError("--within \(limit): at least one is needed") }
    for (option, value) in [("images", images), ("within", limit)] where value > 1_000_000 {
      throw ValidationError("--\(option) \(value): it must be at most 1000000")
    }
    guard (0...1000).contains(repeats) else {
      throw ValidationError("--repeats \(repeats): it must be between 0 and 1000")
    }
    guard tolerance > 0, tolerance < 1 else {
      throw ValidationError("--tolerance \(tolerance): it must lie between 0 and 1")
    }
  }

  func run() throws {
    var comparison = try comparison(of: LoadedRun(at: runPath))
    comparison.repeats = repeats
    let folder = try OutputFolder(out)
    let report = try report(of: comparison)
    Console.print(report.table)
    try folder.write(
      "# Gradient estimators on slot attention\n\n\(report.markdown)", "estimators.md")
    try folder.write(report.csv, "estimators.csv")
    try folder.write(report.json(), "estimators.json")
    try folder.draw(LineChart(errorsOf: report), "estimators")

    let costs = try comparison.costs()
    for (name, sweep) in [
      ("error-by-terms", try comparison.errors(byTerms: [1, 2, 4, 8, 16, 32])),
      ("forward-time", costs.forwardTime), ("backward-time", costs.backwardTime),
      ("tape-memory", costs.tapeMemory),
    ] {
      Console.print("\n\(sweep.title)\n\(sweep.table)")
      try folder.write(sweep.csv, "\(name).csv")
      try folder.draw(LineChart(sweep), name)
    }
    Console.print("\nwrote \(out)")
  }

  /// Compares the estimators at the slots' fixed points.
  ///
  /// - Throws: `RunError` when the solve has found no fixed point.
  private func report(of comparison: EstimatorComparison) throws -> ComparisonReport {
    do {
      return try comparison.report()
    } catch let nothing as NothingToCompare {
      throw RunError(
        path: runPath,
        reason: "slot attention comes to no fixed point on these images: "
          + nothing.samples.prefix(3).map(\.description).joined(separator: "; "),
        remedy: "if the residual is smaller with more applications than --within \(limit), allow "
          + "them, or accept it with a larger --tolerance than \(tolerance); if it is not, the slots "
          + "drift or circle, and there is nothing to compare: look at other images with --split or "
          + "--data, at an earlier checkpoint, or at a run trained with --solver iteration:0.5")
    }
  }

  /// The cell of a run's model in double precision, on the first images of a part of the data.
  private func comparison(of run: LoadedRun) throws -> EstimatorComparison {
    let configuration = run.state.configuration
    let data = source.source(or: run.state.data)
    let dataset = try run.open(data)
    let shown = try EvaluationImages(
      dataset, split, limit: images, tolerance: data.tolerance(of: dataset))
    let model = run.model
    model.convertParameters(to: .float64)
    var draws = RandomStreams(seed: configuration.seed).validation
    let (input, loss) = model.slotProblem(
      of: try shown.batch(0..<shown.count).converted(to: .float64),
      noise: SLATE.Noise(
        batch: shown.count, configuration.model, dtype: .float64, using: &draws))
    var cell = model.slotAttn.slotAttention
    cell.solver = configuration.solver.solver
    cell.stoppingRule = .tolerance(relative: tolerance, limit: limit)
    let parameters = cell.namedParameters.map { (name: $0.name, tensor: $0.parameter.tensor) }
    return try EstimatorComparison(
      of: cell, input: input, parameters: ParameterGroup.grouping(parameters), loss: loss)
  }
}

/// A folder for tables and charts.
private struct OutputFolder {
  private let url: URL

  init(_ path: String) throws {
    url = URL(filePath: path, directoryHint: .isDirectory)
    try makeFolder(url, named: path)
  }

  func write(_ text: String, _ name: String) throws {
    let file = url.appending(path: name)
    do {
      try Data(text.utf8).write(to: file, options: .atomic)
    } catch {
      throw RunError(
        path: file.path, reason: "it cannot be written (\(error.systemReason))",
        remedy: "free some space or choose another --out")
    }
  }

  func draw(_ chart: LineChart, _ name: String) throws {
    try write(chart.svg(.wide), "\(name)-wide.svg")
    try write(chart.svg(.narrow), "\(name)-narrow.svg")
  }
}
