import Images
import ObjectCentric
import Tensors

/// A picture that the user has named.
struct NamedImage {
  /// The path as the user gave it.
  let path: String
  let image: Image
}

extension FileOptions {
  /// The pictures that the user has named one by one.
  ///
  /// The first one that cannot be read is an error, unless a tolerance was given.
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
  /// The pictures as the model sees them: resized, [count, height, width, 3] in [0, 1].
  func tensor(of images: [Image]) -> Tensor {
    let size = state.configuration.imageSize
    return Tensor(images: images.map { $0.resized(width: size, height: size) }, size: size)
  }

  /// The noise of the initial slots for named images, [count, slots, slot size].
  ///
  /// It is the same at every call.
  func slotNoise(count: Int) -> Tensor {
    let configuration = state.configuration
    var noise = RandomStreams(seed: configuration.seed).validation
    return .normal([count, configuration.numSlots, configuration.slotSize], using: &noise)
  }
}
