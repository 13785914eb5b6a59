import Images
import ObjectCentric
import Tensors

/// The measurements of `slate evaluate`, under the names that it prints.
struct EvaluationScores {
  /// A measurement, with the values of segmentations that need no model.
  struct Row {
    let name: String
    let value: Double?
    /// These values by name; empty if there is nothing to compare with.
    var baselines: [(name: String, value: Double?)] = []
  }

  private(set) var rows: [Row]

  /// Measures a model.
  ///
  /// - Parameters:
  ///   - evaluation: the model and the images.
  ///   - step: the number of training steps of the model.
  ///   - inception: computes the features of the Frechet inception distance; nil for no distance.
  ///   - statistics: the file from which the images' statistics are read, or to which they are
  ///     written.
  /// - Throws: `NotFinite` for measurements that are not finite; what the measurements throw.
  init(
    _ evaluation: Evaluation, afterStep step: Int, inception: InceptionFile? = nil,
    statistics: String? = nil
  ) throws {
    let losses = try evaluation.losses(
      temperature: evaluation.configuration.temperature(at: step))
    guard losses.crossEntropy.isFinite, losses.mse.isFinite else {
      throw NotFinite(
        step: step, tensor: "the loss of these images", crossEntropy: losses.crossEntropy,
        mse: losses.mse, consequence: .evaluation)
    }
    rows = [
      Row(name: "cross_entropy", value: losses.crossEntropy), Row(name: "mse", value: losses.mse),
      Row(name: "mse_hard", value: losses.hardMse),
      Row(name: "reconstruction_mse", value: try evaluation.reconstructionError()),
    ]
    if let share = try evaluation.regionShare() {
      rows.append(Row(name: "region_share", value: share.value))
    }
    if let scores = try evaluation.segmentation(), let baselines = try evaluation.baselines() {
      rows += zip(
        EvaluationScores.named(scores), baselines.map(EvaluationScores.named).transposed()
      )
      .map { score, others in
        Row(
          name: score.name, value: score.value,
          baselines: zip(EvaluationScores.baselines, others).map { ($0, $1.value) })
      }
    }
    if let inception {
      rows.append(
        Row(
          name: "fid",
          value: try evaluation.frechetInceptionDistance(inception, statistics: statistics)))
    }
    if let row = rows.first(where: { $0.value?.isFinite == false }) {
      throw NotFinite(step: step, tensor: "\(row.name) of these images", consequence: .evaluation)
    }
  }

  /// The names of the segmentations that need no model, in the order of `Evaluation.baselines`.
  static let baselines = ["kmeans", "random", "tokens"]

  private static func named(_ scores: SegmentationScores) -> [(name: String, value: Double?)] {
    [
      ("ari", scores.adjustedRandIndex), ("fg_ari", scores.foregroundAdjustedRandIndex),
      ("miou", scores.meanIntersectionOverUnion), ("mbo", scores.meanBestOverlap),
    ]
  }

  /// The measurements as a JSON object on one line; those of other segmentations are `kmeans_NAME`
  /// and so on.
  var json: String {
    let values = rows.flatMap { row in
      [(row.name, row.value)] + row.baselines.map { ("\($0.name)_\(row.name)", $0.value) }
    }
    return jsonLine(values)
  }

  /// A line for each measurement, with the values of other segmentations beside it.
  var lines: [String] {
    func shown(_ value: Double?) -> String { value.map(\.short) ?? "-" }
    return rows.map { row in
      let line = row.name.padding(toLength: 20, withPad: " ", startingAt: 0) + shown(row.value)
      let others = row.baselines.map { "\($0.name) \(shown($0.value))" }.joined(separator: ", ")
      return others.isEmpty
        ? line : line.padding(toLength: 32, withPad: " ", startingAt: 0) + "(\(others))"
    }
  }
}

extension Evaluation {
  /// The mean scores of segmentations that need no model, on the same images.
  ///
  /// These are k-means of colours and positions, and random regions, each with as many segments as
  /// the model has slots; and the true masks made of whole tokens, which a model can hardly
  /// surpass. Nil if the data has no masks.
  func baselines() throws -> [SegmentationScores]? {
    guard try images.mask(0) != nil else { return nil }
    let root = RandomStreams(seed: configuration.seed).validation.substream(2)
    let (images, count) = (images, configuration.numSlots)
    let scores = try ranks.sharing(images.count) { position -> [Double] in
      guard let truth = try images.mask(position), truth.isKnown else { return [] }
      let image = try images.image(position)
      var draws = root.substream(UInt64(position))
      return [
        SegmentationScores(
          predicted: .clustering(pixelsOf: image, into: count, using: &draws), truth: truth),
        SegmentationScores(
          predicted: .randomRegions(
            width: image.width, height: image.height, count: count, using: &draws),
          truth: truth),
        SegmentationScores(predicted: truth.madeOfSquares(4), truth: truth),
      ].flatMap(\.numbers)
    }.map(SegmentationScores.all).filter { !$0.isEmpty }
    return scores.transposed().compactMap { SegmentationScores.mean($0) }
  }
}

/// Numbers as a JSON object on one line; null for a number that is not defined, or that JSON does not
/// know.
func jsonLine(_ values: [(name: String, value: Double?)]) -> String {
  let fields = values.map { name, value in
    "\"\(name)\": " + (value.flatMap { $0.isFinite ? "\($0)" : nil } ?? "null")
  }
  return "{" + fields.joined(separator: ", ") + "}"
}

extension SegmentationMask {
  /// Whether any pixel of the mask is not ignored.
  var isKnown: Bool { ids.contains { $0 != SegmentationMask.ignored } }
}

extension Array {
  /// The transposed table; all rows have the same length.
  fileprivate func transposed<Element2>() -> [[Element2]] where Element == [Element2] {
    (first ?? []).indices.map { column in map { $0[column] } }
  }
}
