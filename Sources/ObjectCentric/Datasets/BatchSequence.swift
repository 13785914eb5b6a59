import Foundation
import Images
import Tensors

/// The batches of an epoch, in order.
///
/// One thread at a time takes batches. Decoding ends when the sequence is released.
public final class BatchSequence {
  private let loader: BatchLoader
  private let warn: @Sendable (String) -> Void
  private let pipeline: DecodingPipeline
  private var unreadable = 0
  /// Seconds that `next()` waited for decoding: 0 if decoding is never the bottleneck.
  public private(set) var secondsWaited = 0.0
  /// Images that were delivered.
  public private(set) var imagesDelivered = 0

  init(
    _ loader: BatchLoader, order: [Int], position: Int, warn: @escaping @Sendable (String) -> Void
  ) {
    self.loader = loader
    self.warn = warn
    let (data, split, cache) = (loader.data, loader.split, loader.cache)
    pipeline = DecodingPipeline(
      order: order, position: position, window: loader.prefetch * loader.batchSize
    ) { index in try cache.image(index) { try data.image(index, of: split) } }
    pipeline.start(threads: loader.threads)
  }

  deinit { pipeline.stop() }

  /// Seconds that the threads spent decoding, together.
  public var secondsDecoding: Double { pipeline.secondsDecoding }

  /// The next batch, or nil at the end of the epoch.
  ///
  /// - Throws: `DatasetError` when more than `tolerance` images could not be read.
  public func next() throws -> Batch? {
    var images: [Image] = []
    var indices: [Int] = []
    while images.count < loader.batchSize {
      let start = ContinuousClock.now
      let taken = pipeline.take()
      secondsWaited += (ContinuousClock.now - start) / .seconds(1)
      guard let (index, result) = taken else { break }
      switch result {
      case .success(let image):
        images.append(image)
        indices.append(index)
      case .failure(let error):
        try passOver(index, error)
      }
    }
    guard !images.isEmpty, images.count == loader.batchSize || !loader.dropsLast else { return nil }
    imagesDelivered += images.count
    let size = loader.data.imageSize
    return Batch(
      images: Tensor(images: images, size: size), indices: indices,
      endPosition: pipeline.position)
  }

  private func passOver(_ index: Int, _ error: any Error) throws {
    unreadable += 1
    let name = loader.data.name(index, of: loader.split)
    let reason = "\(error)"
    warn("skipped \(reason.contains(name) ? reason : "\(name): \(reason)")")
    guard unreadable <= loader.tolerance else {
      throw DatasetError(
        path: name,
        reason: "this is image number \(unreadable) that cannot be read in this epoch of "
          + "\(loader.data.description) (\(reason))",
        remedy: "repair or remove these files; up to \(loader.tolerance) are passed over")
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

/// Threads that decode the images of an order ahead of who takes them.
///
/// The mutable state is guarded by one condition, which is why sharing the pipeline with its threads
/// is safe although the compiler cannot check it.
private final class DecodingPipeline: @unchecked Sendable {
  private let order: [Int]
  private let window: Int
  private let decode: @Sendable (Int) throws -> Image
  private let condition = NSCondition()
  private var decoded: [Int: Result<Image, any Error>] = [:]
  private var claimed: Int
  private var taken: Int
  private var isStopped = false
  private var decodingTime = Duration.zero

  init(
    order: [Int], position: Int, window: Int, decode: @escaping @Sendable (Int) throws -> Image
  ) {
    expect(
      position >= 0 && position <= order.count,
      "an epoch of \(order.count) images cannot begin at position \(position)")
    self.order = order
    self.window = window
    self.decode = decode
    claimed = position
    taken = position
  }

  /// How many images of the order have been taken.
  var position: Int { condition.withLock { taken } }
  var secondsDecoding: Double { condition.withLock { decodingTime / .seconds(1) } }

  func start(threads: Int) {
    for _ in 0..<threads {
      let thread = Thread { [self] in work() }
      thread.name = "image decoding"
      thread.start()
    }
  }

  /// Lets the threads end after the image they are at.
  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }

  /// Waits for the next image of the order; nil at its end.
  func take() -> (index: Int, result: Result<Image, any Error>)? {
    condition.withLock {
      guard taken < order.count else { return nil }
      while true {
        if let result = decoded.removeValue(forKey: taken) {
          taken += 1
          condition.broadcast()
          return (order[taken - 1], result)
        }
        condition.wait()
      }
    }
  }

  private func work() {
    while let position = claim() {
      let start = ContinuousClock.now
      let result = Result { try decode(order[position]) }
      let spent = ContinuousClock.now - start
      condition.withLock {
        decoded[position] = result
        decodingTime += spent
        if position == taken { condition.broadcast() }
      }
    }
  }

  /// The next position to decode, as soon as it lies within the window; nil when none is left.
  private func claim() -> Int? {
    condition.withLock {
      while !isStopped, claimed < order.count, claimed >= taken + window { condition.wait() }
      guard !isStopped, claimed < order.count else { return nil }
      claimed += 1
      return claimed - 1
    }
  }
}
