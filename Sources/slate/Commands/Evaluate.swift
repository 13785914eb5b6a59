import ArgumentParser
import Foundation
import ObjectCentric

/// `slate evaluate`.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a run's model on its validation images.",
    discussion: """
      cross_entropy and mse are those of training's last validation line; reconstruction_mse is \
      the squared error of the image regenerated through the slots, summed over pixels and \
      channels, averaged over images.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @OptionGroup var source: DataOptions
  @Flag(help: "Print a JSON object.") var json = false

  func run() throws {
    let loaded = try LoadedRun(at: runPath)
    let configuration = loaded.state.configuration
    let evaluation = Evaluation(
      model: loaded.model, configuration: configuration,
      dataset: try source.source(or: loaded.state.data)
        .open(imageSize: configuration.imageSize, seed: configuration.seed),
      split: .validation)
    let losses = try evaluation.losses(
      temperature: configuration.temperature(at: loaded.state.progress.step))
    let rows = [
      ("cross_entropy", losses.crossEntropy), ("mse", losses.mse),
      ("reconstruction_mse", try evaluation.reconstructionError()),
    ]
    if json {
      print("{" + rows.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}")
    } else {
      print("\(evaluation.count) validation images of \(evaluation.dataset.description)")
      for (name, value) in rows {
        print(name.padding(toLength: 20, withPad: " ", startingAt: 0) + value.short)
      }
    }
  }
}
