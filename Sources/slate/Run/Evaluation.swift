import Collectives
import Images
import NeuralLayers
import ObjectCentric
import Tensors

/// How well a model does on a part of the data, with noise that is the same each time.
struct Evaluation {
  let model: SLATE
  let configuration: RunConfiguration
  let images: EvaluationImages
  /// The processes that measure together, each some pieces of the images.
  var ranks = Communicator.alone
  /// Asked before each piece of the images: whether to give the measurement up.
  var isStopped: @Sendable () -> Bool = { false }

  /// A measurement that was given up.
  struct Stopped: Error {}

  /// Images are taken in pieces of at most this many, whatever the number of workers, so that sums do not
  /// depend on it.
  private static let piece = 8

  /// The number of images looked at.
  var count: Int { images.count }

  /// Means over images.
  struct Losses: Equatable {
    /// Of the tokens, summed over an image's tokens.
    var crossEntropy: Double
    /// Of the dVAE's reconstruction, summed over an image's pixels and channels.
    var mse: Double
    /// The same with the relaxed tokens made one-hot.
    var hardMse: Double

    /// What decides about learning rates, as in the published code: with one-hot tokens.
    var published: Double { crossEntropy + hardMse }
  }

  /// The training losses at a temperature, without dropout.
  func losses(temperature: Double) throws -> Losses {
    let streams = RandomStreams(seed: configuration.seed)
    // Of more images, features would take more memory than a training step.
    let size = min(Evaluation.piece, configuration.model.imagesOfAChunk)
    let means = try means(piece: size) { range, images in
      var draws = streams.validation.startingAtSample(range.lowerBound)
      return try withoutRecording {
        let noise = configuration.noise(batch: range.count, using: &draws)
        let losses = try model.losses(
          of: images, noise: noise, temperature: temperature, hard: configuration.hard,
          in: .evaluation)
        let hard = model.squaredError(
          of: images, noise: noise, temperature: temperature, hard: true)
        return [losses.crossEntropy.scalar, losses.squaredError.scalar, hard.scalar]
      }
    }
    return Losses(crossEntropy: means[0], mse: means[1], hardMse: means[2])
  }

  /// The squared error of the image regenerated through the slots, summed over pixels and
  /// channels, averaged over images.
  func reconstructionError() throws -> Double {
    try means { range, images in
      let result = try model.reconstruct(images, slotNoise: slotNoise(range))
      return [(images - result.image).square().sum().scalar]
    }[0]
  }

  /// How well what the slots attend to finds the objects; nil where the data has no masks.
  func segmentation() throws -> SegmentationScores? {
    guard try images.mask(0) != nil else { return nil }
    images.warnOfAmbiguousMasks()
    let scores = try pieces { range, batch -> [Double] in
      let tokens = model.dvae.logits(batch).argmax(alongAxis: -1)
      let attention = try model.slots(ofTokens: tokens, noise: slotNoise(range)).attention
      let predicted = SegmentationMask.segmentations(
        fromAttention: attention.reshaped(
          attention.shape.prefix(2) + [configuration.model.tokenCount]),
        size: configuration.imageSize)
      return try zip(range, predicted).flatMap { position, mask -> [Double] in
        // What is ignored wholly says nothing.
        guard let truth = try images.mask(position), truth.isKnown else { return [] }
        return SegmentationScores(predicted: mask, truth: truth).numbers
      }
    }
    return .mean(scores.flatMap(SegmentationScores.all))
  }

  /// A picture of the first `count` images as the model sees them.
  func sheet(of count: Int) throws -> Image {
    let shown = 0..<min(count, self.count)
    return try reconstructionSheet(
      model, images: images.batch(shown), slotNoise: slotNoise(shown))
  }

  /// The noise of the initial slots of images `range`.
  func slotNoise(_ range: Range<Int>) -> Tensor {
    var draws = RandomStreams(seed: configuration.seed).validation.substream(1)
      .startingAtSample(range.lowerBound)
    return .normal(
      [range.count, configuration.numSlots, configuration.slotSize], using: &draws)
  }

  /// Sums over pieces of the images, divided by the number of images.
  private func means(
    piece: Int = Evaluation.piece,
    _ body: @Sendable (_ range: Range<Int>, _ images: Tensor) throws -> [Double]
  ) throws -> [Double] {
    let sums = try pieces(of: piece, body)
    return sums[0].indices.map { index in
      sums.reduce(0) { $0 + $1[index] } / Double(count)
    }
  }

  /// What `body` makes of each piece of the images, in their order.
  ///
  /// Ranks share the pieces; what comes back is the same, whatever their number.
  ///
  /// - Parameters:
  ///   - size: the most images of a piece; default eight.
  ///   - body: gets the positions and the images of a piece.
  /// - Returns: its results.
  /// - Throws: `Stopped` when it was given up, or what `body` throws.
  func pieces(
    of size: Int = Evaluation.piece,
    _ body: @Sendable (_ range: Range<Int>, _ images: Tensor) throws -> [Double]
  ) throws -> [[Double]] {
    let (count, images, isStopped) = (count, images, isStopped)
    let ranges = stride(from: 0, to: count, by: size).map {
      $0..<min($0 + size, count)
    }
    return try ranks.sharing(ranges.count, until: isStopped) { piece in
      try body(ranges[piece], images.batch(ranges[piece]))
    }
  }
}

extension SegmentationScores {
  /// The scores as numbers, NaN for what is not defined.
  var numbers: [Double] {
    [
      adjustedRandIndex, foregroundAdjustedRandIndex ?? .nan, meanIntersectionOverUnion ?? .nan,
      meanBestOverlap ?? .nan,
    ]
  }

  /// The scores that `numbers` wrote one after the other.
  static func all(_ numbers: [Double]) -> [SegmentationScores] {
    stride(from: 0, to: numbers.count, by: 4).map { start in
      let optional = numbers[start..<start + 4].map { $0.isNaN ? nil : $0 }
      return SegmentationScores(
        adjustedRandIndex: numbers[start], foregroundAdjustedRandIndex: optional[1],
        meanIntersectionOverUnion: optional[2], meanBestOverlap: optional[3])
    }
  }
}
