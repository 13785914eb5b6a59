import Images
import ObjectCentric
import Tensors

/// A picture that a user named.
struct NamedImage {
  /// As it was given.
  let path: String
  let image: Image
}

extension FileOptions {
  /// The pictures that a user names one by one, the first of which that cannot be read is an error
  /// unless some were allowed.
  ///
  /// - Throws: `UnreadableImages` when too many cannot be read.
  func read(_ paths: [String], defaults: DataSource) throws -> [NamedImage] {
    let tolerance = maxUnreadable ?? 0
    var (pictures, errors): ([NamedImage], [any Error]) = ([], [])
    for path in paths {
      do {
        pictures.append(
          NamedImage(
            path: path,
            image: try Image(
              contentsOfFile: path,
              appliesOrientation: exifOrientation ?? defaults.exifOrientation ?? false)))
      } catch {
        errors.append(error)
      }
    }
    if let first = errors.first, errors.count > tolerance || pictures.isEmpty {
      throw UnreadableImages(
        count: errors.count, part: "the images named", tolerance: tolerance, first: "\(first)")
    }
    for error in errors { Console.warn("skipped \(error)") }
    return pictures
  }
}

extension LoadedRun {
  /// Pictures as the model sees them, resized, [count, height, width, 3] in [0, 1].
  func tensor(of images: [Image]) -> Tensor {
    let size = state.configuration.imageSize
    return Tensor(images: images.map { $0.resized(width: size, height: size) }, size: size)
  }

  /// The noise of initial slots with which named images are looked at, [count, slots, slot size]: the
  /// same at every call.
  func slotNoise(count: Int) -> Tensor {
    let configuration = state.configuration
    var noise = RandomStreams(seed: configuration.seed).validation
    return .normal([count, configuration.numSlots, configuration.slotSize], using: &noise)
  }
}
