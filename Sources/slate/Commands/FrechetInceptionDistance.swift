import ArgumentParser
import Foundation
import ObjectCentric
import Tensors
import Training

/// `slate fid`.
struct FrechetInceptionDistance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fid",
    abstract: "The Frechet inception distance between two sets of images.",
    discussion: """
      Each set is a folder of PNG and JPEG images, or a file of statistics that --save wrote for an \
      earlier set. The network's weights are yours: a safetensors file of the TensorFlow \
      2015-12-05 Inception under the names of its PyTorch port.
      """)

  @Argument(help: "A folder of images, or statistics.") var first: String
  @Argument(help: "Another one.") var second: String
  @Option(
    help: ArgumentHelp(
      "Weights of the network; needed unless both sets are statistics.", valueName: "file"))
  var inception: String?
  @Option(help: ArgumentHelp("Where to keep the first set's statistics.", valueName: "file"))
  var save: String?
  @Flag(help: "Print a JSON object.") var json = false
  @OptionGroup(title: "Files") var files: FileOptions

  func run() throws {
    let network = try inception.map { try Inception(file: $0) }
    let sets = try [first, second].map { try statistics(of: $0, network) }
    if let save { try sets[0].write(to: URL(filePath: save)) }
    let distance = try frechetDistance(warningOfFew: sets[0], sets[1])
    print(json ? "{\"fid\": \(distance)}" : "fid  \(distance.short)")
  }

  private func statistics(of path: String, _ network: Inception?) throws -> FeatureStatistics {
    if path.hasSuffix(".safetensors") {
      return try FeatureStatistics(contentsOf: URL(filePath: path))
    }
    guard let network else {
      throw RunError(
        path: path, reason: "images need the network's weights",
        remedy: "give them with --inception, or a .safetensors file of statistics instead of images"
      )
    }
    let features = try network.features(
      ofImagesIn: URL(filePath: path), appliesOrientation: files.exifOrientation ?? false,
      tolerance: files.maxUnreadable ?? 0, warn: { warn("skipped \($0)") })
    guard features.shape[0] >= 2 else {
      throw RunError(
        path: path, reason: "one image has no covariance", remedy: "give at least two")
    }
    return try FeatureStatistics(features: features)
  }
}

extension FeatureStatistics {
  /// Statistics from a file.
  ///
  /// - Throws: `SafetensorsError` naming the file and what is wrong with it.
  init(contentsOf url: URL) throws {
    let file = try SafetensorsFile(contentsOf: url)
    let (mean, factor) = (try file.tensor("mean"), try file.tensor("factor"))
    guard mean.rank == 1, factor.rank == 2, factor.shape[1] == mean.count else {
      throw RunError(
        path: url.path,
        reason: "mean \(mean.shape) and factor \(factor.shape) do not belong together",
        remedy: "write the statistics again with --save")
    }
    self.init(mean: mean, factor: factor, count: file.metadata["images"].flatMap { Int($0) })
  }

  /// Keeps the statistics.
  func write(to url: URL) throws {
    try SafetensorsFile(
      [("mean", mean), ("factor", factor)], metadata: count.map { ["images": "\($0)"] } ?? [:]
    ).write(to: url)
  }
}

extension Evaluation {
  /// The distance between the images and what the slots regenerate of them.
  ///
  /// - Parameters:
  ///   - network: computes the features.
  ///   - path: where the images' statistics are read from, or kept if there is no such file.
  /// - Returns: the distance, with a warning on standard error where the images are few.
  /// - Throws: `RunError` for fewer than two images.
  func frechetInceptionDistance(
    _ network: Inception, statistics path: String?
  ) throws -> Double {
    guard count >= 2 else {
      throw RunError(
        path: images.dataset.description, reason: "one image has no covariance",
        remedy: "look at more images with --images")
    }
    let real: FeatureStatistics
    let file = path.map { URL(filePath: $0) }
    if let file, FileManager.default.fileExists(atPath: file.path) {
      real = try FeatureStatistics(contentsOf: file)
    } else {
      real = try FeatureStatistics(
        features: .concatenated(pieces { _, images in network.features(of: images) }))
      if let file { try real.write(to: file) }
    }
    let made = try FeatureStatistics(
      features: .concatenated(
        pieces { range, images in
          network.features(
            of: try model.reconstruct(images, slotNoise: slotNoise(range)).image)
        }))
    return try frechetDistance(warningOfFew: real, made)
  }
}

/// The Frechet distance, with a warning where there are too few images for the covariances.
private func frechetDistance(
  warningOfFew first: FeatureStatistics, _ second: FeatureStatistics
) throws -> Double {
  guard first.mean.shape == second.mean.shape else {
    throw RunError(
      path: "fid",
      reason:
        "statistics of \(first.mean.count) and of \(second.mean.count) features cannot be compared",
      remedy: "make both with the same network")
  }
  for caution in Set([first, second].compactMap(\.caution)).sorted() { warn(caution) }
  return try frechetDistance(first, second)
}
