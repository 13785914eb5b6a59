import Foundation
import Images
import Tensors

/// The Inception network whose features the Frechet inception distance (FID) compares.
///
/// ```swift
/// let file = try SafetensorsFile(contentsOf: weights)
/// let inception = try Inception(weights: file.tensor)
/// let features = inception.features(of: images)        // [n, 2048]
/// ```
/// This is Inception v3 (Szegedy and others, 2016) as trained for TensorFlow on 2015-12-05 and
/// ported to PyTorch for FID. It differs from the usual network: average pooling does not count the
/// padding, and the last block pools by the maximum. The user provides the weights: a safetensors
/// file with the port's names (`Conv2d_1a_3x3.conv.weight`, `Conv2d_1a_3x3.bn.running_mean`,
/// `Mixed_5b...`). Other tensors in the file, such as `fc.weight`, are not used.
///
/// Images are channels-last, [batch, height, width, channels]. The results are not recorded. An
/// image costs 5.7 billion multiplications.
public struct Inception: Sendable {
  /// The number of features of an image.
  public static let featureCount = 2048
  /// The number of rows, and of columns, of the images that the network gets.
  static let inputSize = 299

  private let stem: [ConvolutionUnit]
  private let blocks: [InceptionBlock]

  /// A network from its weights.
  ///
  /// - Parameter weights: gives the tensor of a name, or throws when there is none.
  /// - Throws: what `weights` throws; `InceptionError` when a tensor has another shape.
  public init(weights: @escaping (String) throws -> Tensor) throws {
    let source = InceptionWeights(tensor: weights)
    stem = [
      try source.unit("Conv2d_1a_3x3", 3, 32, kernel: (3, 3), stride: 2, padding: (0, 0)),
      try source.unit("Conv2d_2a_3x3", 32, 32, kernel: (3, 3), padding: (0, 0)),
      try source.unit("Conv2d_2b_3x3", 32, 64, kernel: (3, 3)),
      try source.unit("Conv2d_3b_1x1", 64, 80),
      try source.unit("Conv2d_4a_3x3", 80, 192, kernel: (3, 3), padding: (0, 0)),
    ]
    blocks = [
      try source.blockA("Mixed_5b", 192, pooled: 32),
      try source.blockA("Mixed_5c", 256, pooled: 64),
      try source.blockA("Mixed_5d", 288, pooled: 64),
      try source.blockB("Mixed_6a", 288),
      try source.blockC("Mixed_6b", width: 128),
      try source.blockC("Mixed_6c", width: 160),
      try source.blockC("Mixed_6d", width: 160),
      try source.blockC("Mixed_6e", width: 192),
      try source.blockD("Mixed_7a", 768),
      try source.blockE("Mixed_7b", 1280, pooling: .average),
      try source.blockE("Mixed_7c", 2048, pooling: .maximum),
    ]
  }

  /// The features of images: the output of the last block, averaged over the positions.
  ///
  /// Images are resized to 299 x 299 bilinearly, without antialiasing, and scaled to [-1, 1]. Eight
  /// images are processed at a time, which takes 0.7 GB.
  ///
  /// - Parameter images: [batch, height, width, 3] in [0, 1].
  /// - Returns: [batch, 2048], float32.
  public func features(of images: Tensor) -> Tensor {
    expect(
      images.rank == 4 && images.shape[3] == 3 && images.shape[0] > 0,
      "Inception needs images [batch, height, width, 3], not \(images.shape)")
    return withoutRecording {
      let parts = stride(from: 0, to: images.shape[0], by: Inception.chunk).map { first in
        features(
          ofPrepared: Inception.prepared(
            images.slice(first..<min(first + Inception.chunk, images.shape[0]))))
      }
      return Tensor.concatenated(parts)
    }
  }

  /// The features of every PNG and JPEG file below a folder, in the order of their paths.
  ///
  /// Each image is passed on at the size that its file has.
  ///
  /// - Parameters:
  ///   - folder: the folder, which is searched recursively.
  ///   - appliesOrientation: whether pictures are turned as their EXIF data say; default false.
  ///   - tolerance: the number of files that may be unreadable and are skipped; default 0.
  ///   - progress: called after each step with the number of images done and the number of all
  ///     images.
  ///   - observe: called with each image that was read.
  ///   - warn: called with the error of each file that is skipped.
  /// - Returns: [images, 2048], float32.
  /// - Throws: `DatasetError` when there is no image; `ImageError` naming the first unreadable file
  ///   beyond the tolerance.
  public func features(
    ofImagesIn folder: URL, appliesOrientation: Bool = false, tolerance: Int = 0,
    progress: (_ done: Int, _ all: Int) -> Void = { _, _ in },
    observe: (_ image: Image) -> Void = { _ in },
    warn: (any Error) -> Void = { _ in }
  ) throws -> Tensor {
    let root = RawPath(folder.resolvingSymlinksInPath().path)
    let paths = try ImageFiles.found(in: folder)
    return try withoutRecording {
      var parts: [Tensor] = []
      var unreadable = 0
      for first in stride(from: 0, to: paths.count, by: Inception.chunk) {
        let last = min(first + Inception.chunk, paths.count)
        let images = try paths[first..<last].compactMap { path -> Tensor? in
          do {
            let image = try Image(
              contentsOf: root.appending(path), appliesOrientation: appliesOrientation)
            observe(image)
            return Inception.prepared(
              Tensor(bytes: image.pixels, shape: [1, image.height, image.width, 3]))
          } catch {
            unreadable += 1
            guard unreadable <= tolerance else { throw error }
            warn(error)
            return nil
          }
        }
        if !images.isEmpty { parts.append(features(ofPrepared: Tensor.concatenated(images))) }
        progress(last, paths.count)
      }
      guard !parts.isEmpty else {
        throw DatasetError(
          path: folder.path, reason: "none of its images can be read",
          remedy: "repair the files, or give another folder")
      }
      return Tensor.concatenated(parts)
    }
  }

  /// The number of images that go through the network together.
  private static let chunk = 8

  private static func prepared(_ images: Tensor) -> Tensor {
    images.detached().converted(to: .float32).bilinear(height: inputSize, width: inputSize)
      .affine(scale: 2, offset: -1)
  }

  private func features(ofPrepared images: Tensor) -> Tensor {
    var x = images
    for (position, unit) in stem.enumerated() {
      x = unit(x)
      if position == 2 || position == 4 { x = x.pooled(.maximum, stride: 2, padding: 0) }
    }
    for block in blocks { x = block(x) }
    return x.mean(alongAxis: 1).mean(alongAxis: 1)
  }
}

/// The error that a tensor of Inception's weights has another shape than the network needs.
public struct InceptionError: Error, CustomStringConvertible, Equatable {
  /// The name of the tensor.
  public let name: String
  /// The shape that it has.
  public let found: Shape
  /// The shape it should have.
  public let needed: Shape

  /// What is wrong and what to do.
  public var description: String {
    "the Inception weights are not those of the FID network: '\(name)' has shape \(found) instead "
      + "of \(needed); convert the state dictionary of the PyTorch port (pt_inception-2015-12-05) "
      + "to safetensors without changing it"
  }
}
