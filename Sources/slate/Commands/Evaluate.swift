import ArgumentParser
import Collectives
import Foundation
import NeuralLayers
import ObjectCentric
import Tensors
import Training

/// The command `slate evaluate`.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a run's model on images that it was not trained on.",
    discussion: """
        slate evaluate runs/pictures --split test

      cross_entropy and mse are those of training's last validation line; mse_hard is mse with \
      one-hot tokens; reconstruction_mse is the squared error of the image regenerated through the \
      slots. All are summed over tokens, or pixels and channels, and averaged over images. Where \
      slots start from trained vectors, region_share says whether they are regions (1) or go \
      wherever objects are (0). Where \
      the data has masks, what the slots attend to is compared with them: ari, fg_ari (foreground \
      pixels only), miou and mbo; beside them stands what k-means of colours and positions, and \
      random regions, come to with as many segments. With --inception, fid compares the regenerated images with the \
      images; the images' statistics can be kept in a file with --statistics. Started by mpirun, the \
      processes share the images, and the result is the same.
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
      "How often slot attention is applied, in place of the run's own number.", valueName: "count"))
  var iterations: Int?
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
    let ranks = try Ranks.start()
    Workers.count = WorkersOfRank(ranks).count
    let loaded = try LoadedRun(at: runPath)
    var (configuration, model) = (loaded.state.configuration, loaded.model)
    try ranks.expectEqual(
      "\(loaded.state.progress.step) " + configuration.json(),
      what: "the step or the configuration of \(runPath)",
      remedy: "give all machines the same checkpoint")
    try DataParallel(ranks).compare(model.namedParameters)
    if let iterations {
      configuration.iterations = iterations
      try configuration.validated().apply(to: &model)
    }
    if let images { configuration.valImages = images }
    let data = source.source(or: loaded.state.data)
    let dataset = try loaded.open(data)
    let evaluation = Evaluation(
      model: model, configuration: configuration,
      images: try EvaluationImages(
        dataset, split, limit: configuration.valImages, tolerance: data.tolerance(of: dataset)),
      ranks: ranks)
    if ranks.size > 1 {
      try ranks.expectEqual(
        "\(evaluation.count) \(dataset.fingerprint)",
        what: "the fingerprint of \(dataset.description)",
        remedy: "give all machines the same images")
    }
    let scores = try EvaluationScores(
      evaluation, afterStep: loaded.state.progress.step,
      inception: inception.map { try InceptionFile($0) }, statistics: statistics)
    if json {
      Console.print(scores.json)
      return
    }
    let given = "\(evaluation.count) \(split.rawValue) images of \(dataset.description)"
    Console.print(([given] + scores.lines).joined(separator: "\n"))
  }
}

extension Split: ExpressibleByArgument {}
