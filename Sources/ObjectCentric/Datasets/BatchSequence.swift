import DataLoading
import Images
import Tensors

/// The batches of an epoch in order, and then those of the next epochs; or one process's part of
/// each batch.
///
/// Only one thread at a time may take batches. Decoding ends when the sequence is released.
public final class BatchSequence {
  private let loader: BatchLoader
  private let batches: any ImageBatches
  /// The number of images that were delivered.
  public private(set) var imagesDelivered = 0

  init(_ loader: BatchLoader, from place: LoaderPlace, goesOn: Bool) {
    self.loader = loader
    batches = Batches(loader.loader, from: place, goesOn: goesOn)
  }

  init(_ loader: BatchLoader, from place: LoaderPlace, share: BatchShare) {
    self.loader = loader
    batches = SharedBatches(loader.loader, from: place, share: share)
  }

  /// The seconds for which `next()` waited because an image had not been decoded yet; 0 if decoding
  /// is never the bottleneck.
  public var secondsWaited: Double { batches.secondsWaited }

  /// The seconds of processor time that all threads together spent decoding.
  ///
  /// If all processors are busy, training lost this time.
  public var secondsDecoding: Double { batches.secondsReading }

  /// The next batch, or nil at the end of the epoch.
  ///
  /// - Throws: `UnreadableImages` when more than `tolerance` images of the epoch could not be read.
  public func next() throws -> Batch? {
    do {
      guard let images = try batches.next() else { return nil }
      imagesDelivered += images.shape[0]
      return Batch(
        images: images, indices: batches.indices, endPosition: batches.place.position,
        unreadable: batches.place.unreadable)
    } catch let error as UnreadableExamples {
      throw UnreadableImages(
        count: error.count, part: "this epoch of \(loader.data.description)",
        tolerance: error.tolerance, first: error.last ?? "")
    }
  }

  /// Continues with the batches of the next epoch, the first of which have been decoded meanwhile.
  ///
  /// Stops when `next()` has not returned nil yet, or when the sequence covers only one epoch.
  public func beginNextEpoch() { batches.beginNextEpoch() }
}

/// The common interface of whole batches and of one process's parts.
private protocol ImageBatches: AnyObject {
  var secondsWaited: Double { get }
  var secondsReading: Double { get }
  var indices: [Int] { get }
  var place: LoaderPlace { get }
  func next() throws -> Tensor?
  func beginNextEpoch()
}

extension Batches<CachedImages>: ImageBatches {}
extension SharedBatches<CachedImages>: ImageBatches {}

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
