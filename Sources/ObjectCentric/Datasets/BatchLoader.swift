import DataLoading
import Foundation
import Images
import Synchronization
import Tensors

/// Decodes one part of a data set in several threads, ahead of the training that takes its batches.
///
/// ```swift
/// let loader = BatchLoader(data, split: .train, batchSize: 50, seed: 7)
/// let batches = loader.epoch(0, goingOn: true)
/// for _ in 0..<10 {
///   while let batch = try batches.next() { train(on: batch.images) }
///   batches.beginNextEpoch()
/// }
/// ```
/// The batches and their order are the same for every number of threads: the order of an epoch is a
/// permutation drawn from (seed, epoch). An image that cannot be read is left out with a warning
/// that names it, and the batch is filled with the images that follow. If more than `tolerance`
/// images of an epoch cannot be read, that is an error.
public struct BatchLoader: Sendable {
  /// The data set.
  public let data: any ImageDataset
  /// The part of the data set that is read.
  public let split: Split
  /// The number of images in a batch.
  public let batchSize: Int
  /// The seed from which orders are drawn; nil keeps the order of the data set.
  public let seed: UInt64?
  /// Whether a last batch that is not full is left out.
  public let dropsLast: Bool
  /// The number of threads that decode.
  public let threads: Int
  /// The number of batches that may be decoded ahead.
  public let prefetch: Int
  /// The number of unreadable images per epoch for which there is only a warning.
  public let tolerance: Int
  private let warn: @Sendable (String) -> Void
  let cache: ImageCache

  /// A loader of one part of a data set; nothing is read yet.
  ///
  /// - Parameters:
  ///   - data: the data set.
  ///   - split: the part; default training.
  ///   - batchSize: the number of images in a batch.
  ///   - seed: the seed from which orders are drawn; nil keeps the order of the data set, as
  ///     evaluation needs it.
  ///   - dropsLast: whether a last batch that is not full is left out; default false.
  ///   - threads: the number of threads that decode; default 2.
  ///   - prefetch: the number of batches that may be decoded ahead; default 4.
  ///   - cacheBytes: the size up to which decoded images are kept in memory, so that later epochs
  ///     need not decode them; default 1 GiB, which holds 87,000 images of 64 x 64. 0 keeps none.
  ///   - tolerance: the number of unreadable images per epoch for which there is only a warning;
  ///     default 10.
  ///   - warn: receives the warnings; default prints them on standard error.
  public init(
    _ data: any ImageDataset, split: Split = .train, batchSize: Int, seed: UInt64?,
    dropsLast: Bool = false, threads: Int = 2, prefetch: Int = 4, cacheBytes: Int = 1 << 30,
    tolerance: Int = 10,
    warn: @escaping @Sendable (String) -> Void = { warning in
      // FileHandle would end the process here if standard error were closed or its disk full.
      let line = Array("warning: \(warning)\n".utf8)
      _ = write(STDERR_FILENO, line, line.count)
    }
  ) {
    expect(batchSize >= 1, "a batch has at least one image, not \(batchSize)")
    expect(threads >= 1, "at least one thread must decode, not \(threads)")
    expect(prefetch >= 1, "at least one batch must be decoded ahead, not \(prefetch)")
    expect(cacheBytes >= 0, "a cache cannot have \(cacheBytes) bytes")
    expect(tolerance >= 0, "a negative number (\(tolerance)) of images cannot be tolerated")
    self.data = data
    self.split = split
    self.batchSize = batchSize
    self.seed = seed
    self.dropsLast = dropsLast
    self.threads = threads
    self.prefetch = prefetch
    self.tolerance = tolerance
    self.warn = warn
    cache = ImageCache(limit: cacheBytes)
  }

  /// The number of batches in an epoch in which every image can be read.
  public var batchesPerEpoch: Int {
    let count = data.count(of: split)
    return dropsLast ? count / batchSize : (count + batchSize - 1) / batchSize
  }

  /// The batches of an epoch.
  ///
  /// - Parameters:
  ///   - number: the number of the epoch, which determines the order.
  ///   - position: the number of images at the beginning of the epoch's order that are skipped. To
  ///     go on after an interruption, pass the `endPosition` of the last batch that was used.
  ///     Default 0.
  ///   - unreadable: how many of these could not be read, which count against the tolerance: the
  ///     `unreadable` of that batch. Default 0.
  ///   - goesOn: whether decoding continues into the next epochs (see `beginNextEpoch()`), so that
  ///     nobody waits for their first batches; default false.
  /// - Returns: the batches; decoding begins at once.
  public func epoch(
    _ number: Int, from position: Int = 0, unreadable: Int = 0, goingOn goesOn: Bool = false
  ) -> BatchSequence {
    BatchSequence(
      self, from: LoaderPlace(epoch: number, position: position, unreadable: unreadable),
      goesOn: goesOn)
  }

  /// One process's part of each batch, beginning at an epoch, where several processes go through
  /// the data in step.
  ///
  /// - Parameters:
  ///   - number: the number of the epoch, which determines the order.
  ///   - position: the number of images at the beginning of the epoch's order that are skipped,
  ///     counted for all processes together.
  ///   - unreadable: how many of these could not be read; default 0.
  ///   - share: which part this process gets. Stops when there are more processes than images in a
  ///     batch, or when the loader keeps a last batch that is not full.
  /// - Returns: the parts. Decoding begins at once, and continues into the next epochs.
  public func epochs(
    from number: Int, position: Int, unreadable: Int = 0, share: BatchShare
  ) -> BatchSequence {
    BatchSequence(
      self, from: LoaderPlace(epoch: number, position: position, unreadable: unreadable),
      share: share)
  }

  /// The positions in the data set in the order of an epoch.
  func order(of epoch: Int) -> [Int] { loader.order.indices(ofEpoch: epoch) }

  /// This loader as a loader of any kind of data, which does the work.
  var loader: DataLoader<CachedImages> {
    DataLoader(
      CachedImages(data: data, split: split, cache: cache), batchSize: batchSize, seed: seed,
      lastBatch: dropsLast ? .dropped : .kept, threads: threads, prefetch: prefetch,
      tolerance: tolerance, warn: warn)
  }
}

/// A part of a data set whose decoded images are kept in memory as far as the limit allows.
struct CachedImages: Dataset {
  let data: any ImageDataset
  let split: Split
  let cache: ImageCache

  var count: Int { data.count(of: split) }
  func example(_ index: Int) throws -> Image {
    try cache.image(index) { try data.image(index, of: split) }
  }
  func batch(of examples: [Image]) -> Tensor { Tensor(images: examples, size: data.imageSize) }
  func name(_ index: Int) -> String { data.name(index, of: split) }
}

/// Some images, ready for the model.
public struct Batch: Sendable {
  /// Shape [batch, size, size, 3], float32, in [0, 1].
  public let images: Tensor
  /// The images' positions in their part of the data set.
  public let indices: [Int]
  /// The number of images of the epoch's order that have been used after this batch, including
  /// unreadable ones.
  public let endPosition: Int
  /// The number of these that could not be read.
  public let unreadable: Int
}

/// Decoded images that stay in memory until the limit is reached.
///
/// Nothing is evicted: an epoch asks for every image once, so if the cache is too small, replacing
/// the least recently used images would never give a hit.
final class ImageCache: Sendable {
  private let limit: Int
  private let kept = Mutex<(images: [Int: Image], bytes: Int)>(([:], 0))

  init(limit: Int) { self.limit = limit }

  func image(_ index: Int, orDecode decode: () throws -> Image) rethrows -> Image {
    guard limit > 0 else { return try decode() }
    if let image = kept.withLock({ $0.images[index] }) { return image }
    let image = try decode()
    kept.withLock { kept in
      guard kept.bytes + image.pixels.count <= limit, kept.images[index] == nil else { return }
      kept.bytes += image.pixels.count
      kept.images[index] = image
    }
    return image
  }
}
