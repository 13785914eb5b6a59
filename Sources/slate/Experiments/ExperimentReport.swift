import Foundation
import Images
import Training

/// The results that an experiment leaves in its folder beside the runs: results.json, times.json,
/// table.csv, charts as SVG, pictures as PNG, and report.md, a page with all of them.
struct ExperimentReport {
  private let results: ExperimentResults
  private let folder: RunFolder

  private var plan: ExperimentPlan { results.plan }

  init(_ results: ExperimentResults) {
    self.results = results
    folder = RunFolder(url: results.plan.folder)
  }

  /// Writes all files.
  ///
  /// - Returns: the text of the page.
  /// - Throws: `RunError` naming the file that cannot be written.
  @discardableResult
  func write() throws -> String {
    try write(results.determinedJSON(), "results.json")
    try write(results.timesJSON(), "times.json")
    try write(results.table.csv, "table.csv")
    var charts: [ExperimentChart] = []
    for chart in plan.experiment.charts {
      guard let drawing = results.drawing(of: chart) else { continue }
      try write(drawing.svg(.wide), chart.fileName + ".svg")
      charts.append(chart)
    }
    let page = text(charts: charts, pictures: try pictures())
    try write(page, "report.md")
    return page
  }

  private func write(_ text: String, _ name: String) throws {
    try folder.write(text, to: folder.url.appending(path: name))
  }

  /// Draws a grid for each data set, with the first finished seed of each arm.
  private func pictures() throws -> [(name: String, rows: [String])] {
    guard case .training = plan.experiment.work else { return [] }
    var sources: [DataSource] = []
    for arm in plan.arms where !sources.contains(arm.data) { sources.append(arm.data) }
    return try sources.enumerated().compactMap { index, source in
      let shown = plan.arms.indices.compactMap { position in
        plan.runs.first {
          $0.position == position && $0.arm.data == source && plan.isFinished($0)
        }
      }
      guard let grid = try PictureGrid(of: shown) else { return nil }
      let name = sources.count == 1 ? "pictures.png" : "pictures-\(index + 1).png"
      let url = folder.url.appending(path: name)
      try writeAtomically(grid.picture.pngData(), to: url) { reason in
        RunError(
          path: url.relativePath, reason: "it cannot be written (\(reason))",
          remedy: "free some space, then give the command again")
      }
      return (name, grid.rows)
    }
  }

  // MARK: The page

  /// The text of the page, with these charts and pictures beside it.
  func text(
    charts: [ExperimentChart], pictures: [(name: String, rows: [String])]
  ) -> String {
    ([head, "## Results", results.table.markdown, timeNote] + alike + growth + published + failures
      + ["## Every seed", results.table.markdownOfRuns] + drawings(charts) + shown(pictures))
      .filter { !$0.isEmpty }.joined(separator: "\n\n")
      .replacing("\n\n\n", with: "\n\n") + "\n"
  }

  private var head: String {
    let base = plan.setting.base
    let (made, all) = (results.runs.count, plan.runs.count)
    let data = plan.setting.sources.map { $0.path ?? "generated scenes" }.joined(separator: ", ")
    let sizes =
      plan.experiment.work.isTraining
      ? "\(base.steps) steps of \(base.batchSize) images" : "passes with \(base.batchSize) images"
    let missing = made < all ? " \(all - made) of \(all) runs are not made yet." : ""
    return """
      # \(plan.experiment.name)

      \(plan.experiment.shows)

      Scale \(plan.setting.scale.rawValue): \(sizes) of \(base.imageSize) x \(base.imageSize) pixels \
      (\(data)), \(base.numSlots) slots, \(base.iterations) iterations where nothing else is said, \
      \(plan.seeds) \(plan.seeds == 1 ? "seed" : "seeds"). Numbers are means ± standard deviations over \
      the seeds of runs that did not fail.\(missing)
      """
  }

  private var timeNote: String {
    guard plan.experiment.quantities.contains(where: { $0.key == ExperimentResults.atEqualTime }),
      let time = results.equalTime
    else { return "" }
    return "Equal time is \(time.brief) s of training steps, when the fastest had made all of them."
  }

  private var alike: [String] {
    results.alike.map { labels in
      "The runs of \(labels.map { "`\($0)`" }.joined(separator: ", ")) are the same in every validation: what "
        + "these arms differ in had no effect in this many steps."
    }
  }

  private var growth: [String] {
    guard !results.slopes.isEmpty else { return [] }
    let lines = results.slopes.map { slope in
      "- \(slope.group), \(slope.isLogarithmic ? "log10 of " : "")`\(slope.quantity)`: "
        + "\(slope.fit.text) an iteration (\(slope.fit.count) runs)"
    }
    return [
      "## Growth with the number of iterations",
      "Slopes by least squares, with their 95% confidence intervals:",
      lines.joined(separator: "\n"),
    ]
  }

  private var published: [String] {
    ["## Published", "\(plan.experiment.source)."]
      + (plan.experiment.published.isEmpty
        ? [] : [plan.experiment.published.map { "- \($0)" }.joined(separator: "\n")])
      + (plan.setting.scale == .small && !plan.experiment.published.isEmpty
        ? [
          "Published numbers are after 250,000 steps on other images: at this scale differences "
            + "between methods can be compared with them, numbers cannot."
        ] : [])
  }

  private var failures: [String] {
    let failed = results.runs.filter { $0.failure != nil }
    guard !failed.isEmpty else { return [] }
    let lines = failed.map { "- \($0.arm), seed \($0.seed): \($0.failure ?? "")" }
    return ["## Failed runs", lines.joined(separator: "\n")]
  }

  private func drawings(_ charts: [ExperimentChart]) -> [String] {
    guard !charts.isEmpty else { return [] }
    return [
      "## Charts", "Lines are means over the seeds, bands reach from the lowest to the highest.",
    ] + charts.map { "![\($0.title)](\($0.fileName).svg)" }
  }

  private func shown(_ pictures: [(name: String, rows: [String])]) -> [String] {
    guard !pictures.isEmpty else { return [] }
    return ["## Pictures"]
      + pictures.flatMap { name, rows in
        ["![Images and what the models make of them](\(name))"]
          + [
            "Rows, from the top:\n\n"
              + rows.enumerated().map { "\($0 + 1). \($1)" }.joined(separator: "\n")
          ]
      }
  }
}

extension Experiment.Work {
  fileprivate var isTraining: Bool {
    if case .training = self { true } else { false }
  }
}
