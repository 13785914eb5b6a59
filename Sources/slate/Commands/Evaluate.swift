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
        slate evaluate runs/pictures --split test

      cross_entropy and mse are those of training's last validation line; mse_hard is mse with \
      one-hot tokens; reconstruction_mse is the squared error of the image regenerated through the \
      slots. All are summed over tokens, or pixels and channels, and averaged over images. Where \
      the data has masks, what the slots attend to is compared with them: ari, fg_ari (foreground \
      pixels only), miou and mbo. With --inception, fid compares the regenerated images with the \
      images; the images' statistics can be kept in a file with --statistics.
      """)

  @Argument(help: ArgumentHelp("The run's folder.", valueName: "run")) var runPath: String
  @OptionGroup(title: "Data") var source: DataOptions
  @Option(help: ArgumentHelp("The part of the data.", valueName: "part"))
  var split = Split.validation
  @Option(
    help: ArgumentHelp(
      "The most images to look at; default as many as training's validations.", valueName: "count"))
  var images: Int?
  @Option(
    help: ArgumentHelp(
      "Weights of the FID Inception network, as safetensors.", valueName: "file"))
  var inception: String?
  @Option(
    help: ArgumentHelp(
      "Where the images' statistics for fid are read from, or kept if there is no such file.",
      valueName: "file.safetensors"))
  var statistics: String?
  @Flag(help: "Print the result as a JSON object.") var json = false

  func validate() throws {
    if let images, images < 1 {
      throw ValidationError("--images \(images): at least one is needed")
    }
    if statistics != nil, inception == nil {
      throw ValidationError("--statistics belongs to --inception")
    }
    if let statistics, !KeptStatistics.areAt(statistics) {
      throw ValidationError(
        "--statistics \(statistics): statistics are kept as safetensors; choose a name that ends in "
          + ".safetensors, or a .npz that exists")
    }
  }

  func run() throws {
    let loaded = try LoadedRun(at: runPath)
    var configuration = loaded.state.configuration
    if let images { configuration.valImages = images }
    let data = source.source(or: loaded.state.data)
    let dataset = try data.open(imageSize: configuration.imageSize, seed: configuration.seed)
    let evaluation = Evaluation(
      model: loaded.model, configuration: configuration,
      images: try EvaluationImages(
        dataset, split, limit: configuration.valImages, tolerance: data.tolerance(of: dataset)))
    let losses = try evaluation.losses(
      temperature: configuration.temperature(at: loaded.state.progress.step))
    guard losses.crossEntropy.isFinite, losses.mse.isFinite else {
      throw NotFinite(
        step: loaded.state.progress.step, tensor: "the loss of these images",
        crossEntropy: losses.crossEntropy, mse: losses.mse, consequence: .evaluation)
    }
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
      let distance = try evaluation.frechetInceptionDistance(
        InceptionFile(inception), statistics: statistics)
      rows.append(("fid", distance))
    }
    report(rows, evaluation)
  }

  private func report(_ rows: [(name: String, value: Double?)], _ evaluation: Evaluation) {
    if json {
      let fields = rows.map { row in
        "\"\(row.name)\": " + (row.value.map { $0.isFinite ? "\($0)" : "null" } ?? "null")
      }
      Console.print("{" + fields.joined(separator: ", ") + "}")
      return
    }
    Console.print(
      "\(evaluation.count) \(split.rawValue) images of \(evaluation.images.dataset.description)")
    for (name, value) in rows {
      Console.print(
        name.padding(toLength: 20, withPad: " ", startingAt: 0) + (value.map(\.short) ?? "-"))
    }
  }
}

extension Split: ExpressibleByArgument {}
