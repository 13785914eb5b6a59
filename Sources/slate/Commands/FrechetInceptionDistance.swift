import ArgumentParser
import Collectives
import Foundation
import ObjectCentric
import Tensors
import Training

/// The command `slate fid`.
struct FrechetInceptionDistance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fid",
    abstract: "The Frechet inception distance between two sets of images.",
    usage: "slate fid <first> <second> [<options>]",
    discussion: """
        slate fid originals generated --inception inception.safetensors

      Each set is a folder of PNG and JPEG images, or a file of statistics: one that --save, or \
      `slate evaluate --statistics`, wrote, or a .npz of the PyTorch port (mu and sigma). You bring \
      the network's weights: a safetensors file of the TensorFlow 2015-12-05 Inception under the \
      names of its PyTorch port.
      """)

  @Argument(help: "A folder of images, or a file of statistics.") var first: String
  @Argument(help: "The same, for the other set.") var second: String
  @Option(
    help: ArgumentHelp(
      "Weights of the network; needed unless both sets are statistics.", valueName: "file"))
  var inception: String?
  @Option(
    help: ArgumentHelp(
      "Where to keep the first set's statistics as soon as they are there; given twice, also the "
        + "second's.",
      valueName: "file.safetensors"))
  var save: [String] = []
  @Flag(help: "Print the result as a JSON object.") var json = false
  @OptionGroup(title: "Files") var files: FileOptions

  func validate() throws {
    guard save.count <= 2 else {
      throw ValidationError("--save was given \(save.count) times, but there are two sets")
    }
    if let path = save.first(where: { !KeptStatistics.isOurs($0) }) {
      throw ValidationError(
        "--save \(path): statistics are read by the name's end; choose one that ends in .safetensors"
      )
    }
  }

  func run() throws {
    let network = try inception.map { try InceptionFile($0) }
    // If one set fails, the work on the other one must not be lost.
    let sets = [first, second].enumerated().map { position, path in
      Result {
        let set = try statistics(of: path, network)
        if position < save.count { try set.write(to: save[position]) }
        return set
      }
    }
    let (a, b) = (try sets[0].get(), try sets[1].get())
    if let one = a.network, let other = b.network, one != other {
      throw RunError(
        path: second,
        reason: "its statistics were made with another network than those of \(first)",
        remedy: "make both with the same --inception")
    }
    let distance = try frechetDistance(warningOfFew: a.statistics, b.statistics)
    Console.print(json ? jsonLine([("fid", distance)]) : "fid  \(distance.short)")
  }

  private func statistics(of path: String, _ network: InceptionFile?) throws -> KeptStatistics {
    if KeptStatistics.areAt(path), !isFolder(path) {
      return try KeptStatistics(contentsOf: path)
    }
    guard let network else {
      throw RunError(
        path: path, reason: "images need the network's weights",
        remedy: "give them with --inception, or a .safetensors file of statistics instead of images"
      )
    }
    var fingerprint = ImagesFingerprint()
    let features = try network.network.features(
      ofImagesIn: URL(filePath: path), appliesOrientation: files.exifOrientation ?? false,
      tolerance: files.maxUnreadable ?? 0,
      observe: { fingerprint.note(ImagesFingerprint.check($0)) },
      warn: { Console.warn("skipped \($0)") })
    guard features.shape[0] >= 2 else {
      throw RunError(
        path: path, reason: "one image has no covariance", remedy: "give at least two")
    }
    return KeptStatistics(
      try FeatureStatistics(features: features), data: fingerprint.text,
      network: network.fingerprint)
  }
}

extension Evaluation {
  /// The distance between the images and their reconstructions through the slots.
  ///
  /// - Parameters:
  ///   - inception: computes the features.
  ///   - path: the file from which the images' statistics are read, or to which they are written if
  ///     it does not exist; nil for none.
  /// - Returns: the distance. If there are few images, a warning goes to standard error.
  /// - Throws: `RunError` for fewer than two images, and for statistics of other images or by
  ///   another network.
  func frechetInceptionDistance(
    _ inception: InceptionFile, statistics path: String?
  ) throws -> Double {
    let network = inception.network
    guard count >= 2 else {
      throw RunError(
        path: images.dataset.description, reason: "one image has no covariance",
        remedy: "look at more images with --images")
    }
    // Ranks share the features of the images only if none of them reads the statistics from the
    // file.
    let isKept = path.map { FileManager.default.fileExists(atPath: $0) } ?? false
    try ranks.expectEqual(
      "\(isKept)", what: "whether there is a file \(path ?? "")",
      remedy: "give it to all machines, or to none")
    let real: FeatureStatistics
    if let path, isKept {
      let kept = try KeptStatistics(contentsOf: path)
      try kept.expectMade(of: try images.fingerprint, by: inception.fingerprint, path: path)
      real = kept.statistics
    } else {
      real = try FeatureStatistics(
        features: features { _, images in network.features(of: images) })
      if let path, ranks.rank == 0 {
        try KeptStatistics(real, data: try images.fingerprint, network: inception.fingerprint)
          .write(to: path)
      }
    }
    let made = try FeatureStatistics(
      features: features { range, images in
        network.features(of: try model.reconstruct(images, slotNoise: slotNoise(range)).image)
      })
    return try frechetDistance(warningOfFew: real, made)
  }

  /// The features of all images, [count, width]; ranks share the work.
  private func features(
    _ body: @Sendable (_ range: Range<Int>, _ images: Tensor) throws -> Tensor
  ) throws -> Tensor {
    let numbers = try pieces { try body($0, $1).scalars }
    return Tensor(numbers.flatMap { $0 }, shape: [count, numbers.joined().count / count])
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
  for caution in Set([first, second].compactMap(\.caution)).sorted() { Console.warn(caution) }
  let distance = try frechetDistance(first, second)
  guard distance.isFinite else {
    throw RunError(
      path: "fid", reason: "the distance is not finite (\(distance)): the statistics are too large",
      remedy: "make them again, from features of images")
  }
  return distance
}
