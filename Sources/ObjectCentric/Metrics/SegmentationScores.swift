import Images
import Tensors

/// How well a segmentation of an image finds its objects.
///
/// ```swift
/// let predicted = SegmentationMask.segmentations(fromAttention: attention, size: 64)
/// let scores = SegmentationScores(predicted: predicted[0], truth: mask)
/// scores.foregroundAdjustedRandIndex    // 1 when the objects are separated perfectly
/// ```
/// The numbers of the predicted segments have no meaning; in particular, none of them is declared
/// to be the background. In the truth 0 is the background, and pixels that are
/// `SegmentationMask.ignored` are left out.
public struct SegmentationScores: Sendable, Equatable {
  /// The adjusted Rand index (ARI) over all pixels, in which the background is a segment like the
  /// others; nil if no pixel of the truth is known.
  public let adjustedRandIndex: Double?
  /// The adjusted Rand index over the pixels of objects only (FG-ARI); nil if there is no object.
  public let foregroundAdjustedRandIndex: Double?
  /// The mean, over the objects, of the intersection over union with the predicted segment that is
  /// assigned to the object (mIoU); nil if there is no object.
  ///
  /// Each segment is assigned to at most one object, so that the sum is as large as possible
  /// (Kuhn's Hungarian method); an object without a segment counts as 0. The background takes part
  /// in the assignment but not in the mean.
  public let meanIntersectionOverUnion: Double?
  /// The mean over the objects of the largest intersection over union with any segment (mBO); nil
  /// when there is no object.
  public let meanBestOverlap: Double?

  /// Compares a predicted segmentation with the truth.
  ///
  /// Stops when their sizes differ.
  public init(predicted: SegmentationMask, truth: SegmentationMask) {
    expect(
      predicted.width == truth.width && predicted.height == truth.height,
      "a segmentation of \(predicted.width) x \(predicted.height) cannot be compared with a truth "
        + "of \(truth.width) x \(truth.height)")
    let known = truth.ids.indices.filter { truth.ids[$0] != SegmentationMask.ignored }
    let table = Contingency(known.map { predicted.ids[$0] }, known.map { truth.ids[$0] })
    adjustedRandIndex = known.isEmpty ? nil : table.adjustedRandIndex
    let objects = table.truths.indices.filter { table.truths[$0] != 0 }
    guard !objects.isEmpty else {
      (foregroundAdjustedRandIndex, meanIntersectionOverUnion, meanBestOverlap) = (nil, nil, nil)
      return
    }
    let foreground = known.filter { truth.ids[$0] != 0 }
    foregroundAdjustedRandIndex =
      Contingency(foreground.map { predicted.ids[$0] }, foreground.map { truth.ids[$0] })
      .adjustedRandIndex
    let overlaps = table.overlaps
    let assigned = bestAssignment(overlaps)
    let count = Double(objects.count)
    meanIntersectionOverUnion =
      objects.map { row in assigned[row].map { overlaps[row][$0] } ?? 0 }.reduce(0, +) / count
    meanBestOverlap = objects.map { overlaps[$0].max() ?? 0 }.reduce(0, +) / count
  }

  package init(
    adjustedRandIndex: Double?, foregroundAdjustedRandIndex: Double?,
    meanIntersectionOverUnion: Double?, meanBestOverlap: Double?
  ) {
    self.adjustedRandIndex = adjustedRandIndex
    self.foregroundAdjustedRandIndex = foregroundAdjustedRandIndex
    self.meanIntersectionOverUnion = meanIntersectionOverUnion
    self.meanBestOverlap = meanBestOverlap
  }

  /// The means over images; each score is averaged over the images that have it.
  ///
  /// Nil if there is no image.
  public static func mean(_ scores: [SegmentationScores]) -> SegmentationScores? {
    guard !scores.isEmpty else { return nil }
    func mean(_ numbers: [Double]) -> Double? {
      numbers.isEmpty ? nil : numbers.reduce(0, +) / Double(numbers.count)
    }
    return SegmentationScores(
      adjustedRandIndex: mean(scores.compactMap(\.adjustedRandIndex)),
      foregroundAdjustedRandIndex: mean(scores.compactMap(\.foregroundAdjustedRandIndex)),
      meanIntersectionOverUnion: mean(scores.compactMap(\.meanIntersectionOverUnion)),
      meanBestOverlap: mean(scores.compactMap(\.meanBestOverlap)))
  }
}

/// The number of pixels that each true and each predicted segment have in common.
struct Contingency {
  /// The true segments' numbers, in ascending order.
  let truths: [UInt16]
  /// The common pixels: a row for each true segment, a column for each predicted one.
  let counts: [[Int]]

  init(_ predicted: [UInt16], _ truth: [UInt16]) {
    truths = Set(truth).sorted()
    let columns = Set(predicted).sorted()
    let row = Dictionary(uniqueKeysWithValues: zip(truths, truths.indices))
    let column = Dictionary(uniqueKeysWithValues: zip(columns, columns.indices))
    var counts = [[Int]](
      repeating: [Int](repeating: 0, count: columns.count), count: truths.count)
    for (p, t) in zip(predicted, truth) {
      if let row = row[t], let column = column[p] { counts[row][column] += 1 }
    }
    self.counts = counts
  }

  private var rowSums: [Int] { counts.map { $0.reduce(0, +) } }
  private var columnSums: [Int] {
    (counts.first ?? []).indices.map { column in counts.reduce(0) { $0 + $1[column] } }
  }

  /// The intersection over union of each true segment with each predicted one.
  var overlaps: [[Double]] {
    let (rows, columns) = (rowSums, columnSums)
    return counts.enumerated().map { row, line in
      line.enumerated().map { column, common in
        Double(common) / Double(rows[row] + columns[column] - common)
      }
    }
  }

  /// The Rand index corrected for chance (Hubert and Arabie 1985).
  ///
  /// (sum C(n_ij, 2) - e) / ((sum C(a_i, 2) + sum C(b_j, 2)) / 2 - e), where
  /// e = sum C(a_i, 2) sum C(b_j, 2) / C(n, 2). The denominator is 0 only when both partitions are
  /// one segment, or both are single pixels: they are equal then, and the index is 1.
  var adjustedRandIndex: Double {
    func pairs(_ n: Int) -> Double { Double(n) * Double(n - 1) / 2 }
    let together = counts.joined().reduce(0) { $0 + pairs($1) }
    let rows = rowSums.reduce(0) { $0 + pairs($1) }
    let columns = columnSums.reduce(0) { $0 + pairs($1) }
    let all = pairs(rowSums.reduce(0, +))
    guard all > 0 else { return 1 }
    let expected = rows * columns / all
    let largest = (rows + columns) / 2
    return largest == expected ? 1 : (together - expected) / (largest - expected)
  }
}

extension SegmentationMask {
  /// The slot that attends most to each pixel, numbered from 1.
  ///
  /// Attention is known for each input, which stands for a square of pixels. It is interpolated
  /// bilinearly between the centres of the inputs before the slots are compared. So a border
  /// between two slots can run through a square, as the borders of objects do.
  ///
  /// - Parameters:
  ///   - attention: [batch, slots, inputs], the inputs a square grid in row-major order; at most
  ///     65,534 slots.
  ///   - size: the number of rows, and of columns, of the masks.
  /// - Returns: one mask for each sample. If several slots attend equally, the pixel goes to the
  ///   first of them.
  public static func segmentations(
    fromAttention attention: Tensor, size: Int
  ) -> [SegmentationMask] {
    expect(
      attention.rank == 3 && (1..<Int(SegmentationMask.ignored)).contains(attention.shape[1]),
      "attention has shape [batch, slots, inputs] with 1 to 65,534 slots, not \(attention.shape)")
    let (batch, slots, inputs) = (attention.shape[0], attention.shape[1], attention.shape[2])
    let side = Int(Double(inputs).squareRoot().rounded())
    expect(side * side == inputs, "\(inputs) inputs do not form a square grid")
    let pixels = size * size
    let winners = attention.detached().converted(to: .float32).permuted([0, 2, 1])
      .reshaped([batch, side, side, slots]).bilinear(height: size, width: size)
      .reshaped([batch * pixels, slots]).argmax(alongAxis: -1).scalars
    return (0..<batch).map { sample in
      SegmentationMask(
        width: size, height: size,
        ids: winners[sample * pixels..<(sample + 1) * pixels].map { UInt16($0) + 1 })
    }
  }
}
