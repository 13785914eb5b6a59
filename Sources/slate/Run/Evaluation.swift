import Foundation
import ObjectCentric
import Tensors

/// How well a model does on a part of the data, with noise that is the same each time.
struct Evaluation {
  let model: SLATE
  let configuration: RunConfiguration
  let dataset: any ImageDataset
  let split: Split

  /// Images are taken in pieces of this many, whatever the number of workers, so that sums do not
  /// depend on it.
  private static let piece = 8

  /// The number of images looked at.
  var count: Int { min(dataset.count(of: split), configuration.valImages) }

  /// Means over images.
  struct Losses: Equatable {
    /// Of the tokens, summed over an image's tokens.
    var crossEntropy: Double
    /// Of the dVAE's reconstruction, summed over an image's pixels and channels.
    var mse: Double
  }

  /// The training losses at a temperature, without dropout.
  func losses(temperature: Double) throws -> Losses {
    let streams = RandomStreams(seed: configuration.seed)
    let sums = try pieces { range, images in
      var draws = streams.validation.startingAtSample(range.lowerBound)
      var none: Philox?
      return try withoutRecording {
        let losses = try model.losses(
          of: images,
          noise: SLATE.Noise(batch: range.count, configuration.model, using: &draws),
          temperature: temperature, hard: configuration.hard, dropout: &none)
        return [losses.crossEntropy.scalar, losses.squaredError.scalar]
      }
    }
    return Losses(crossEntropy: sums[0] / Double(count), mse: sums[1] / Double(count))
  }

  /// The squared error of the image regenerated through the slots, summed over pixels and
  /// channels, averaged over images.
  func reconstructionError() throws -> Double {
    let sums = try pieces { range, images in
      let result = try model.reconstruct(images, slotNoise: slotNoise(range))
      return [(images - result.image).square().sum().scalar]
    }
    return sums[0] / Double(count)
  }

  /// The noise of the initial slots of images `range`.
  func slotNoise(_ range: Range<Int>) -> Tensor {
    var draws = RandomStreams(seed: configuration.seed).validation.substream(1)
      .startingAtSample(range.lowerBound)
    return .normal(
      [range.count, configuration.numSlots, configuration.slotSize], using: &draws)
  }

  /// Sums what `body` measures over all pieces of the images.
  private func pieces(
    _ body: @Sendable (_ range: Range<Int>, _ images: Tensor) throws -> [Double]
  ) throws -> [Double] {
    let (count, dataset, split) = (count, dataset, split)
    let ranges = stride(from: 0, to: count, by: Evaluation.piece).map {
      $0..<min($0 + Evaluation.piece, count)
    }
    let parts = try Workers.mapRanges(of: ranges.count) { mine in
      try ranges[mine].map { try body($0, dataset.batch($0, of: split)) }
    }
    return parts.joined().reduce(into: [0, 0]) { sums, part in
      for (index, value) in part.enumerated() { sums[index] += value }
    }
  }
}

extension ImageDataset {
  /// Images as numbers in [0, 1], [batch, height, width, 3].
  func batch(_ indices: some Collection<Int>, of split: Split) throws -> Tensor {
    let images = try indices.map { try image($0, of: split) }
    return Tensor(
      bytes: images.flatMap(\.pixels), shape: [images.count, imageSize, imageSize, 3])
  }
}
