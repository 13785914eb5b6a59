import ArgumentParser
import Foundation
import ObjectCentric
import Tensors
import Training

/// `slate evaluate`.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a run's model on images that it was not trained on.",
    discussion: """
      cross_entropy and mse are those of training's last validation line; mse_hard is mse with \
      one-hot tokens; reconstruction_mse is the squared error of the image regenerated through the \
      slots. All are summed over tokens, or pixels and channels, and averaged over images. Where \
      the data has masks, what the slots attend to is compared with them: ari, fg_ari (foreground \
      pixels only), miou and mbo. With --inception, fid compares the regenerated images with the \
      images.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @OptionGroup(title: "Data") var source: DataOptions
  @Option(help: "The part of the data: train, validation or test.") var split = Split.validation
  @Option(help: "The most images to look at; default as many as training's validations.")
  var images: Int?
  @Option(
    help: ArgumentHelp(
      "Weights of the FID Inception network, as safetensors.", valueName: "file"))
  var inception: String?
  @Flag(help: "Print a JSON object.") var json = false

  func validate() throws {
    if let images, images < 1 {
      throw ValidationError("--images \(images): at least one is needed")
    }
  }

  func run() throws {
    let loaded = try LoadedRun(at: runPath)
    var configuration = loaded.state.configuration
    if let images { configuration.valImages = images }
    let evaluation = Evaluation(
      model: loaded.model, configuration: configuration,
      dataset: try source.source(or: loaded.state.data)
        .open(imageSize: configuration.imageSize, seed: configuration.seed),
      split: split)
    guard evaluation.count > 0 else {
      throw RunError(
        path: evaluation.dataset.description, reason: "its \(split.rawValue) part is empty",
        remedy: "choose another --split")
    }
    let losses = try evaluation.losses(
      temperature: configuration.temperature(at: loaded.state.progress.step))
    var rows: [(name: String, value: Double?)] = [
      ("cross_entropy", losses.crossEntropy), ("mse", losses.mse), ("mse_hard", losses.hardMse),
      ("reconstruction_mse", try evaluation.reconstructionError()),
    ]
    if let scores = try evaluation.segmentation() {
      rows += [
        ("ari", scores.adjustedRandIndex), ("fg_ari", scores.foregroundAdjustedRandIndex),
        ("miou", scores.meanIntersectionOverUnion), ("mbo", scores.meanBestOverlap),
      ]
    }
    if let inception {
      rows.append(("fid", try evaluation.frechetInceptionDistance(Inception(file: inception))))
    }
    report(rows, evaluation)
  }

  private func report(_ rows: [(name: String, value: Double?)], _ evaluation: Evaluation) {
    if json {
      let fields = rows.map { "\"\($0.name)\": " + ($0.value.map { "\($0)" } ?? "null") }
      print("{" + fields.joined(separator: ", ") + "}")
      return
    }
    print("\(evaluation.count) \(split.rawValue) images of \(evaluation.dataset.description)")
    for (name, value) in rows {
      print(
        name.padding(toLength: 20, withPad: " ", startingAt: 0) + (value.map(\.short) ?? "-"))
    }
  }
}

extension Split: ExpressibleByArgument {}

extension Inception {
  /// The network from a safetensors file.
  ///
  /// - Throws: `SafetensorsError` or `InceptionError` naming what is wrong.
  init(file path: String) throws {
    let file = try SafetensorsFile(contentsOf: URL(filePath: path))
    try self.init { try file.tensor($0) }
  }
}
