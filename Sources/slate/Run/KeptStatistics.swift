import Foundation
import Images
import ObjectCentric
import Tensors
import Training

/// Stored statistics of a set of images, with fingerprints of the images and the network.
struct KeptStatistics {
  let statistics: FeatureStatistics
  /// A fingerprint of the images; nil if it is not known.
  var data: String?
  /// A fingerprint of the network's weights; nil if it is not known.
  var network: String?

  /// Whether a path names a file of statistics.
  static func areAt(_ path: String) -> Bool { isOurs(path) || path.hasSuffix(".npz") }

  /// Whether statistics can be written to a path and read from it again.
  static func isOurs(_ path: String) -> Bool { path.hasSuffix(".safetensors") }

  init(_ statistics: FeatureStatistics, data: String?, network: String?) {
    self.statistics = statistics
    self.data = data
    self.network = network
  }

  /// Reads statistics from a file that `write` wrote, or `mu` and `sigma` of the network's PyTorch
  /// port from a .npz file.
  ///
  /// - Throws: an error naming the file and what is wrong with it.
  init(contentsOf path: String) throws {
    let url = URL(filePath: path)
    func refused(_ reason: String) -> RunError {
      RunError(path: url.path, reason: reason, remedy: "make the statistics again")
    }
    guard path.hasSuffix(".npz") else {
      let file = try SafetensorsFile(contentsOf: url)
      for name in ["mean", "factor"] {
        // Before memory is spent on it, and time: the product of the factor with itself follows.
        let count = file[name].map { $0.data.isEmpty ? 0 : $0.shape.reduce(1, *) } ?? 0
        guard count <= NumpyArchive.arrayLimit / 8 else {
          throw refused(
            "'\(name)' has \(count) numbers, more than the \(NumpyArchive.arrayLimit / 8) that are read"
          )
        }
      }
      let (mean, factor) = (try file.tensor("mean"), try file.tensor("factor"))
      guard mean.rank == 1, mean.count >= 1, factor.rank == 2, factor.shape[1] == mean.count,
        (1...mean.count).contains(factor.shape[0])
      else {
        throw refused("mean \(mean.shape) and factor \(factor.shape) do not belong together")
      }
      guard mean.largestMagnitude.isFinite, factor.largestMagnitude.isFinite else {
        throw refused("it holds numbers that are not finite")
      }
      let images = file.metadata["images"]
      let count = images.flatMap { Int($0) }
      guard images == nil || (2...RunConfiguration.largestCount).contains(count ?? 0) else {
        throw refused("'\(images ?? "")' is no number of images, of which there are at least 2")
      }
      self.init(
        FeatureStatistics(mean: mean, factor: factor, count: count),
        data: file.metadata["data"], network: file.metadata["network"])
      return
    }
    let archive = try NumpyArchive(contentsOf: url)
    // Before memory is spent on them: a few bytes could claim a mean of millions of numbers.
    let (vector, matrix) = (try archive.shape("mu"), try archive.shape("sigma"))
    guard vector.rank == 1, vector[0] >= 1, matrix == [vector[0], vector[0]] else {
      throw refused("mu \(vector) and sigma \(matrix) do not belong together")
    }
    let (mean, covariance) = (try archive.tensor("mu"), try archive.tensor("sigma"))
    guard mean.largestMagnitude.isFinite, covariance.largestMagnitude.isFinite else {
      throw refused("it holds numbers that are not finite")
    }
    let size = covariance.largestMagnitude
    guard (covariance - covariance.transposed()).largestMagnitude <= 1e-4 * size else {
      throw refused("sigma is not symmetric, so it is no covariance")
    }
    let statistics = try FeatureStatistics(mean: mean, covariance: covariance)
    // Eigenvalues below 0, which rounding makes, were taken for 0.
    let (whole, kept) = (
      covariance.diagonal().sum().scalar, statistics.factor.square().sum().scalar
    )
    guard kept - whole <= 1e-3 * kept else {
      throw refused("sigma has eigenvalues below 0, so it is no covariance")
    }
    self.init(statistics, data: nil, network: nil)
  }

  /// Writes the statistics to a file.
  ///
  /// - Throws: `SafetensorsError` naming the file that cannot be written.
  func write(to path: String) throws {
    var metadata = SafetensorsMetadata()
    metadata["images"] = statistics.count.map { "\($0)" }
    metadata["data"] = data
    metadata["network"] = network
    try SafetensorsFile(
      [("mean", statistics.mean), ("factor", statistics.factor)], metadata: metadata
    ).write(to: URL(filePath: path))
  }

  /// Compares the images and the network of the statistics with those for which they are used.
  ///
  /// - Throws: `RunError` when they differ. If they are not known, there is only a warning.
  func expectMade(of data: String, by network: String, path: String) throws {
    for (what, found, wanted) in [("images", self.data, data), ("network", self.network, network)] {
      guard let found else {
        Console.warn("\(path): it does not say of which \(what) it is, so that is not checked")
        continue
      }
      guard found == wanted else {
        throw RunError(
          path: path,
          reason: "it holds the statistics of \(what == "images" ? "other" : "another") \(what) "
            + "(fingerprint \(found), not \(wanted))",
          remedy: (what == "images" ? "the same images at another size are others too; " : "")
            + "give another file with --statistics, or remove this one, so that it is made again")
      }
    }
  }
}

/// The Inception network of a file, with a fingerprint of the weights that it uses.
struct InceptionFile {
  let network: Inception
  let fingerprint: String

  /// Reads the network from a safetensors file.
  ///
  /// - Throws: `SafetensorsError` or `InceptionError` naming what is wrong; `RunError` for weights that
  ///   are not finite.
  init(_ path: String) throws {
    let file = try SafetensorsFile(contentsOf: URL(filePath: path))
    var used = UsedWeights()
    network = try Inception { name in
      let tensor = try file.tensor(name)
      guard tensor.largestMagnitude.isFinite else {
        throw RunError(
          path: path, reason: "'\(name)' holds numbers that are not finite",
          remedy: "convert the weights again")
      }
      if let entry = file[name] { used.note(entry) }
      return tensor
    }
    fingerprint = used.check.digits
  }

  private struct UsedWeights {
    private(set) var check = CRC32C()
    mutating func note(_ entry: SafetensorsFile.Entry) {
      check.append(Data("\(entry.name) \(entry.type.rawValue) \(entry.shape)".utf8))
      check.append(entry.data)
    }
  }
}

/// A fingerprint of a set of images, computed from their sizes and pixels, whatever their files and
/// their order are.
///
/// Statistics of features do not depend on the order either. So a set of images has the same
/// fingerprint in a folder and as a part of a data set.
struct ImagesFingerprint: Sendable {
  private var checks: [UInt32] = []

  /// The check of an image.
  static func check(_ image: Image) -> UInt32 {
    var check = CRC32C(Data("\(image.width) x \(image.height) ".utf8))
    check.append(Data(image.pixels))
    return check.value
  }

  /// Adds an image by its check value.
  mutating func note(_ check: UInt32) { checks.append(check) }

  /// The fingerprint: the number of images, and eight hexadecimal digits.
  var text: String {
    var check = CRC32C()
    for value in checks.sorted() {
      withUnsafeBytes(of: value.littleEndian) { check.append(Data($0)) }
    }
    return "\(checks.count) images \(check.digits)"
  }
}

extension EvaluationImages {
  /// A fingerprint of all pixels.
  ///
  /// - Complexity: every image is decoded.
  var fingerprint: String {
    get throws {
      var fingerprint = ImagesFingerprint()
      for check in try Workers.map(count, { try ImagesFingerprint.check(image($0)) }) {
        fingerprint.note(check)
      }
      return fingerprint.text
    }
  }
}
