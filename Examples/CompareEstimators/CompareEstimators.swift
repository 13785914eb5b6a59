import ArgumentParser
import EstimatorComparison
import Foundation
import Images
import ImplicitLayers

/// All estimators on one cell: a table in the terminal, and files for a paper.
@main
struct CompareEstimators: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compares every gradient estimator on one cell.",
    discussion: """
      Prints the table and the sweeps, and writes them as Markdown, CSV and JSON, with the charts \
      as SVG in two widths, into a folder.
      """)

  @Option(help: "Which cell: \(ExampleCell.allCases.map(\.rawValue).joined(separator: ", ")).")
  var cell = ExampleCell.tanh
  @Option(help: "The folder for the files.")
  var out = "comparison"
  @Option(help: "How often time and memory are measured.")
  var repeats = 5
  @Option(help: "For the random weights and inputs.")
  var seed: UInt64 = 3

  func validate() throws {
    guard repeats >= 0 else { throw ValidationError("--repeats is not negative: \(repeats)") }
  }

  func run() throws {
    var comparison = try cell.comparison(seed: seed)
    comparison.repeats = repeats
    let folder = URL(filePath: out)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    func draw(_ chart: LineChart, _ name: String) throws {
      try write(chart.svg(.wide), "\(name)-wide.svg")
      try write(chart.svg(.narrow), "\(name)-narrow.svg")
    }

    let report = try comparison.report()
    print("cell: \(cell.rawValue)\n\(report.table)")
    try write("# Estimators on \(cell.rawValue)\n\n\(report.markdown)", "estimators.md")
    try write(report.csv, "estimators.csv")
    try write(report.json(), "estimators.json")
    try draw(LineChart(errorsOf: report), "estimators")

    let costs = try comparison.costs(using: .picard())
    let sweeps = [
      ("error-by-terms", try comparison.errors(byTerms: [1, 2, 4, 8, 16, 32])),
      ("error-by-products", try comparison.errors(byProducts: [2, 4, 8, 16, 32, 64])),
      ("error-by-tolerance", try comparison.errors(byTolerance: tolerances)),
      ("error-by-scale", try comparison.errors(byCotangentScale: scales)),
      ("forward-time", costs.forwardTime), ("backward-time", costs.backwardTime),
      ("tape-memory", costs.tapeMemory), ("peak-memory", costs.peakMemory),
    ]
    for (name, sweep) in sweeps {
      let unit = sweep.unit.map { " (\($0))" } ?? ""
      print("\n\(sweep.title): \(sweep.quantity)\(unit)\n\(sweep.table)")
      try write(sweep.csv, "\(name).csv")
      try write(sweep.json(), "\(name).json")
      try draw(LineChart(sweep), name)
    }
    print("\nwritten to \(folder.path)")
  }

  private var tolerances: [Double] { [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8] }
  private var scales: [Double] { [1e-12, 1e-8, 1e-4, 1, 1e4, 1e8] }
}
