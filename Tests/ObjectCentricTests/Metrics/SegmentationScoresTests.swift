import Images
import Tensors
import TestSupport
import Testing

@testable import ObjectCentric

private func mask(_ ids: [UInt16], width: Int) -> SegmentationMask {
  SegmentationMask(width: width, height: ids.count / width, ids: ids)
}

/// A mask of 11 x 9 pixels from a function of column and row.
private func drawn(_ id: (_ x: Int, _ y: Int) -> Int) -> SegmentationMask {
  mask((0..<9).flatMap { y in (0..<11).map { x in UInt16(id(x, y)) } }, width: 11)
}

@Suite struct SegmentationScoresTests {
  private let truth = drawn { x, y in x + y < 5 ? 1 : x > 7 ? 2 : y > 5 && x > 2 ? 3 : 0 }

  private func expect(
    _ scores: SegmentationScores, _ expected: [Double],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let found = [
      scores.adjustedRandIndex ?? .nan, scores.foregroundAdjustedRandIndex ?? .nan,
      scores.meanIntersectionOverUnion ?? .nan, scores.meanBestOverlap ?? .nan,
    ]
    let gap = difference(found, expected, absolute: 1e-12)
    #expect(gap == nil, sourceLocation: sourceLocation)
  }

  @Test("values of segmentation_scores.py") func reference() {
    expect(
      SegmentationScores(predicted: drawn { x, y in (x / 3 + 2 * (y / 5)) % 5 }, truth: truth),
      [0.23730212879341459, 0.18008852227042627, 0.33455433455433453, 0.3464590964590965])
    expect(
      SegmentationScores(
        predicted: drawn { x, y in x + y < 7 ? 4 : x > 6 ? 7 : 2 }, truth: truth),
      [0.38471359794719756, 0.8421004566210045, 0.42857142857142855, 0.5338345864661654])
  }

  @Test("a model that sees one segment is not praised for a mask of many ids")
  func manyIds() {
    let many = drawn { x, y in y == 0 ? 0 : 1 + 600 * (x / 4) + y }
    let scores = SegmentationScores(predicted: drawn { _, _ in 1 }, truth: many)
    #expect(scores.foregroundAdjustedRandIndex == 0)
    #expect(many.objectCount == 24)
    expect(SegmentationScores(predicted: many, truth: many), [1, 1, 1, 1])
  }

  @Test("pixels that are ignored take no part")
  func ignoredPixels() {
    let ignored = mask(
      truth.ids.enumerated().map { $0 % 11 == 6 ? SegmentationMask.ignored : $1 }, width: 11)
    let predicted = drawn { x, y in (x / 3 + 2 * (y / 5)) % 5 }
    let kept = truth.ids.indices.filter { $0 % 11 != 6 }
    let narrow = SegmentationScores(
      predicted: mask(kept.map { predicted.ids[$0] }, width: 10),
      truth: mask(kept.map { truth.ids[$0] }, width: 10))
    #expect(SegmentationScores(predicted: predicted, truth: ignored) == narrow)
  }

  @Test func theNumbersOfSegmentsHaveNoMeaning() {
    let renamed = mask(truth.ids.map { [9, 0, 200, 3][Int($0)] }, width: 11)
    expect(SegmentationScores(predicted: renamed, truth: truth), [1, 1, 1, 1])
  }

  @Test func aSplitBackgroundCostsOnlyTheRandIndex() throws {
    let predicted = drawn { x, y in
      let id = Int(truth.ids[y * 11 + x])
      return id == 0 && x % 2 == 0 ? 8 : id
    }
    let scores = SegmentationScores(predicted: predicted, truth: truth)
    let index = try #require(scores.adjustedRandIndex)
    #expect(index < 0.95)
    expect(scores, [index, 1, 1, 1])
  }

  @Test func degenerateSegmentations() {
    let one = mask([4, 4, 4, 4, 4, 4], width: 3)
    let half = mask([1, 1, 1, 2, 2, 2], width: 3)
    // One segment for everything: no better than chance, and half of each object's union.
    expect(SegmentationScores(predicted: one, truth: half), [0, 0, 0.25, 0.5])
    // One object that fills the image, found or cut in two.
    expect(SegmentationScores(predicted: half, truth: one), [0, 0, 0.5, 0.5])
    expect(SegmentationScores(predicted: one, truth: one), [1, 1, 1, 1])
    let pixels = mask([0, 1, 2, 3, 4, 5], width: 3)
    expect(SegmentationScores(predicted: pixels, truth: half), [0, 0, 1.0 / 3, 1.0 / 3])
    #expect(SegmentationScores(predicted: pixels, truth: pixels).adjustedRandIndex == 1)
    // No object: nothing to find.
    let empty = SegmentationScores(predicted: half, truth: mask([0, 0, 0, 0, 0, 0], width: 3))
    #expect(empty.foregroundAdjustedRandIndex == nil)
    #expect(empty.meanIntersectionOverUnion == nil && empty.meanBestOverlap == nil)
    // No pixel is known: nothing is measured, and the mean is that of the other image.
    let unknown = SegmentationScores(
      predicted: half, truth: mask(Array(repeating: SegmentationMask.ignored, count: 6), width: 3))
    #expect(unknown.adjustedRandIndex == nil && unknown.foregroundAdjustedRandIndex == nil)
    let chance = SegmentationScores(predicted: one, truth: half)
    #expect(SegmentationScores.mean([chance, unknown])?.adjustedRandIndex == 0)
    #expect(SegmentationScores.mean([unknown])?.adjustedRandIndex == nil)
    // An object of one pixel.
    let single = mask([0, 0, 7, 0, 0, 0], width: 3)
    expect(SegmentationScores(predicted: single, truth: single), [1, 1, 1, 1])
  }

  @Test func meansLeaveOutImagesWithoutObjects() {
    let (full, empty) = (mask([1, 1, 2, 2], width: 2), mask([0, 0, 0, 0], width: 2))
    let scores = [
      SegmentationScores(predicted: full, truth: full),
      SegmentationScores(predicted: full, truth: empty),
    ]
    let mean = SegmentationScores.mean(scores)
    #expect(mean?.adjustedRandIndex == 0.5)
    #expect(mean?.foregroundAdjustedRandIndex == 1 && mean?.meanBestOverlap == 1)
    #expect(SegmentationScores.mean([]) == nil)
  }

  @Test(
    "total weights of scipy.optimize.linear_sum_assignment",
    arguments: [(4, 4, 7, 69.0), (3, 6, 5, 61), (6, 3, 11, 72), (1, 5, 3, 20), (8, 8, 29, 166)])
  func assignment(_ rows: Int, _ columns: Int, _ step: Int, _ expected: Double) {
    let weights = (0..<rows).map { row in
      (0..<columns).map { column in
        let base = (row * columns + column) * step + 3
        return Double(base * base % 31)
      }
    }
    let assigned = bestAssignment(weights)
    let used = assigned.compactMap { $0 }
    #expect(assigned.count == rows)
    #expect(used.count == min(rows, columns) && Set(used).count == used.count)
    let total = zip(weights, assigned).reduce(0.0) { sum, pair in
      sum + (pair.1.map { pair.0[$0] } ?? 0)
    }
    #expect(total == expected)
  }

  @Test func attentionBecomesAMask() {
    // Two samples, three slots, a grid of 2 x 2.
    let attention = Tensor(
      [
        0.6, 0.1, 0.2, 0.1, 0.3, 0.8, 0.3, 0.1, 0.1, 0.1, 0.5, 0.8,
        0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.7, 0.7, 0.7, 0.7,
      ], shape: [2, 3, 4])
    let masks = SegmentationMask.segmentations(fromAttention: attention, size: 4)
    #expect(masks[0].ids == [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3])
    #expect(masks[1].ids == [UInt16](repeating: 3, count: 16))
  }

  // Centres of the pixels lie at 0, 1/4, 3/4 and 1 between those of the inputs. Slot 1 falls from 1 to .4
  // and slot 2 rises from 0 to .6, which meet at 5/6: the border runs within the second input's square.
  @Test func bordersRunBetweenInputs() {
    let attention = Tensor([1, 0.4, 1, 0.4, 0, 0.6, 0, 0.6], shape: [1, 2, 4])
    let mask = SegmentationMask.segmentations(fromAttention: attention, size: 4)[0]
    #expect(mask.ids == [1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2])
  }

  @Test func squaredErrorsAreSummedOverAnImage() {
    let a = Tensor((0..<12).map { Double($0) / 12 }, shape: [2, 1, 2, 3])
    let b = a + 0.5
    #expect(abs(meanSquaredError(a, b) - 6 * 0.25) < 1e-6)
    #expect(meanSquaredError(a, a) == 0)
  }
}
