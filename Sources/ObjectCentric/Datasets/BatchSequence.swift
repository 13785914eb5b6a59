import Foundation
import Images
import Tensors

/// The batches of an epoch, in order, and then those of the next one.
///
/// One thread at a time takes batches. Decoding ends when the sequence is released.
public final class BatchSequence {
  private let loader: BatchLoader
  private let warn: @Sendable (String) -> Void
  private let pipeline: DecodingPipeline
  private var unreadable = 0
  /// Seconds that `next()` waited because an image was not decoded yet: 0 if decoding is never the
  /// bottleneck.
  public private(set) var secondsWaited = 0.0
  /// Images that were delivered.
  public private(set) var imagesDelivered = 0

  init(
    _ loader: BatchLoader, epoch: Int, position: Int, goesOn: Bool,
    warn: @escaping @Sendable (String) -> Void
  ) {
    self.loader = loader
    self.warn = warn
    let (data, split, cache) = (loader.data, loader.split, loader.cache)
    pipeline = DecodingPipeline(
      epoch: epoch, position: position, goesOn: goesOn,
      window: loader.prefetch * loader.batchSize, orderOf: { loader.order(of: $0) }
    ) { index in try cache.image(index) { try data.image(index, of: split) } }
    pipeline.start(threads: loader.threads)
  }

  deinit { pipeline.stop() }

  /// Seconds of processor time that the threads spent decoding, together: what training could not
  /// use where all processors are busy.
  public var secondsDecoding: Double { pipeline.secondsDecoding }

  /// The next batch, or nil at the end of the epoch.
  ///
  /// - Throws: `UnreadableImages` when more than `tolerance` images of the epoch could not be read.
  public func next() throws -> Batch? {
    var images: [Image] = []
    var indices: [Int] = []
    while images.count < loader.batchSize {
      let taken = pipeline.take(loader.batchSize - images.count)
      secondsWaited += taken.secondsWaited
      guard !taken.images.isEmpty else { break }
      for (index, result) in taken.images {
        switch result {
        case .success(let image):
          images.append(image)
          indices.append(index)
        case .failure(let error):
          try passOver(index, error)
        }
      }
    }
    guard !images.isEmpty, images.count == loader.batchSize || !loader.dropsLast else { return nil }
    imagesDelivered += images.count
    let size = loader.data.imageSize
    return Batch(
      images: Tensor(images: images, size: size), indices: indices,
      endPosition: pipeline.position)
  }

  /// Goes on to the batches of the next epoch, the first of which have been decoded meanwhile.
  ///
  /// Stops when `next()` has not returned nil yet, or when the sequence is one of a single epoch.
  public func beginNextEpoch() {
    unreadable = 0
    pipeline.beginNextEpoch()
  }

  private func passOver(_ index: Int, _ error: any Error) throws {
    unreadable += 1
    let name = loader.data.name(index, of: loader.split)
    let text = "\(error)"
    let reason = text.contains(name) ? text : "\(name): \(text)"
    warn("skipped \(reason)")
    guard unreadable <= loader.tolerance else {
      throw UnreadableImages(
        count: unreadable, part: "this epoch of \(loader.data.description)",
        tolerance: loader.tolerance, first: reason)
    }
  }
}

extension Tensor {
  /// Square images as float32 [batch, size, size, 3] in [0, 1].
  ///
  /// Stops when an image has another size.
  public init(images: [Image], size: Int) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(images.count * size * size * 3)
    for image in images {
      expect(
        image.width == size && image.height == size,
        "an image of \(image.width) x \(image.height) is not \(size) x \(size)")
      bytes += image.pixels
    }
    self.init(bytes: bytes, shape: [images.count, size, size, 3])
  }
}
