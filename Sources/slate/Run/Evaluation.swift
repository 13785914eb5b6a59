import Collectives
import Images
import NeuralLayers
import ObjectCentric
import Tensors

/// Measurements of a model on a part of the data, with noise that is the same each time.
struct Evaluation {
  let model: SLATE
  let configuration: RunConfiguration
  let images: EvaluationImages
  /// The processes that measure together; each of them takes some pieces of the images.
  var ranks = Communicator.alone
  /// Called before each piece of the images; says whether to give the measurement up.
  var isStopped: @Sendable () -> Bool = { false }

  /// The error that a measurement was given up.
  struct Stopped: Error {}

  /// The largest number of images of a piece.
  ///
  /// It does not depend on the number of workers, and so neither do the sums.
  private static let piece = 8

  /// The number of images that are measured.
  var count: Int { images.count }

  /// Means over images.
  struct Losses: Equatable {
    /// The cross-entropy of the tokens, summed over the tokens of an image.
    var crossEntropy: Double
    /// The squared error of the dVAE's reconstruction, summed over the pixels and channels of an
    /// image.
    var mse: Double
    /// The same squared error with the relaxed tokens made one-hot.
    var hardMse: Double

    /// The loss that decides about learning rates; as in the published code, it is the one with
    /// one-hot tokens.
    var published: Double { crossEntropy + hardMse }
  }

  /// The training losses at a temperature, without dropout.
  func losses(temperature: Double) throws -> Losses {
    let streams = RandomStreams(seed: configuration.seed)
    // With more images at a time, the features would take more memory than a training step.
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

  /// Scores of the segmentation by the slots' attention; nil if the data has no masks.
  func segmentation() throws -> SegmentationScores? {
    guard try images.mask(0) != nil else { return nil }
    images.warnOfAmbiguousMasks()
    let scores = try pieces { range, batch -> [Double] in
      let predicted = SegmentationMask.segmentations(
        fromAttention: try attention(range, batch), size: configuration.imageSize)
      return try zip(range, predicted).flatMap { position, mask -> [Double] in
        // A mask in which all pixels are ignored has no score.
        guard let truth = try images.mask(position), truth.isKnown else { return [] }
        return SegmentationScores(predicted: mask, truth: truth).numbers
      }
    }
    return .mean(scores.flatMap(SegmentationScores.all))
  }

  /// Whether slots are regions; nil where they start from drawn vectors, and have no identity.
  func regionShare() throws -> RegionShare? {
    guard configuration.slotInit != .random else { return nil }
    let numbers = try pieces { range, batch in
      RegionShare(ofAttention: try attention(range, batch)).numbers
    }
    let parts = numbers.map { RegionShare(numbers: $0, slots: configuration.numSlots) }
    return parts.dropFirst().reduce(into: parts[0]) { $0.add($1) }
  }

  /// Each slot's share of each token of images `range`, [images, slots, tokens].
  private func attention(_ range: Range<Int>, _ images: Tensor) throws -> Tensor {
    let tokens = model.dvae.logits(images).argmax(alongAxis: -1)
    let attention = try model.slots(ofTokens: tokens, noise: slotNoise(range)).attention
    return attention.reshaped(attention.shape.prefix(2) + [configuration.model.tokenCount])
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

  /// The sums of `body` over pieces of the images, divided by the number of images.
  private func means(
    piece: Int = Evaluation.piece,
    _ body: @Sendable (_ range: Range<Int>, _ images: Tensor) throws -> [Double]
  ) throws -> [Double] {
    let sums = try pieces(of: piece, body)
    return sums[0].indices.map { index in
      sums.reduce(0) { $0 + $1[index] } / Double(count)
    }
  }

  /// The results of `body` for the pieces of the images, in their order.
  ///
  /// Ranks share the pieces; the results are the same for every number of ranks.
  ///
  /// - Parameters:
  ///   - size: the largest number of images of a piece; default eight.
  ///   - body: gets the positions and the images of a piece.
  /// - Returns: the results of `body`.
  /// - Throws: `Stopped` when the measurement was given up, or what `body` throws.
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
  /// The scores as numbers; NaN for a score that is not defined.
  var numbers: [Double] {
    [
      adjustedRandIndex ?? .nan, foregroundAdjustedRandIndex ?? .nan,
      meanIntersectionOverUnion ?? .nan, meanBestOverlap ?? .nan,
    ]
  }

  /// The scores from the numbers that `numbers` gives.
  static func all(_ numbers: [Double]) -> [SegmentationScores] {
    stride(from: 0, to: numbers.count, by: 4).map { start in
      let optional = numbers[start..<start + 4].map { $0.isNaN ? nil : $0 }
      return SegmentationScores(
        adjustedRandIndex: optional[0], foregroundAdjustedRandIndex: optional[1],
        meanIntersectionOverUnion: optional[2], meanBestOverlap: optional[3])
    }
  }
}
