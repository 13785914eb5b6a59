import ArgumentParser
import Foundation

/// The command `slate table`.
struct Table: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a table of runs: mean and deviation over the seeds.",
    usage: "slate table <run> ... [<options>]",
    discussion: """
        slate table runs/implicit-seed0 runs/implicit-seed1 runs/unrolled-seed0 runs/unrolled-seed1

      Runs whose configurations and images are the same but for the seed become one row, named by what \
      distinguishes it from the others. Runs that have not come to their last step, or that have failed, \
      are counted as failed and leave the means. With --evaluate the trained models are measured as \
      `slate evaluate` does, and the scores kept in scores.json, where later tables find them.
      """)

  @Argument(help: ArgumentHelp("The runs' folders.", valueName: "run")) var runs: [String]
  @Option(help: ArgumentHelp("markdown, csv or json.", valueName: "form")) var format = Format
    .markdown
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Also the validation cross-entropy after these numbers of steps.", valueName: "step"))
  var at: [Int] = []
  @Flag(help: "Measure the runs that have no scores.json yet.") var evaluate = false

  /// The format of the table.
  enum Format: String, CaseIterable, ExpressibleByArgument { case markdown, csv, json }

  func run() throws {
    let found = try eachRunOnce(runs).map { try TabledRun($0, evaluating: evaluate) }
    let names = TabledRun.names(of: found)
    let steps = Table.eachOnce(at)
    let entropies = steps.map { step in
      SeedTable.Column(key: "val_cross_entropy_at_\(step)", title: "cross-entropy at \(step)")
    }
    let table = SeedTable(
      groups: Table.eachOnce(names), columns: entropies + Table.columns,
      entries: zip(found, names).map { run, name in
        var values = run.measured.values
        for step in steps {
          values["val_cross_entropy_at_\(step)"] = run.measured.entropy(after: step)
        }
        return .init(
          group: name, seed: run.configuration.seed, failure: run.failure, values: values)
      })
    for run in found {
      if let failure = run.failure { Console.warn("\(run.path): \(failure)") }
    }
    switch format {
    case .markdown: Console.print(table.markdown, terminator: "")
    case .csv: Console.print(table.csv, terminator: "")
    case .json: Console.print(try snakeCaseJSON(table.rows), terminator: "")
    }
  }

  /// The elements in their order, without those that have occurred before.
  private static func eachOnce<Element: Hashable>(_ elements: [Element]) -> [Element] {
    var seen: Set<Element> = []
    return elements.filter { seen.insert($0).inserted }
  }

  private static let columns: [SeedTable.Column] =
    ([
      .crossEntropy, .dvae, .reconstruction, Quantity(key: "ari", title: "ARI"), .foreground,
      .clusteredForeground, .overlap, Quantity(key: "mbo", title: "mBO"), .distance, .gradientNorm,
      .largestGradientNorm, .spectralNorm, .cosine, .secondsOfStep,
    ] as [Quantity]).map { .init(key: $0.key, title: $0.title) }
}
