import Images
import ObjectCentric
import Tensors
import Testing

/// Segmentations that no model has made.
@Suite struct PartitionBaselineTests {
  /// Two colours side by side, 12 x 8 pixels.
  private let halves = Image(
    width: 12, height: 8,
    pixels: (0..<96).flatMap { $0 % 12 < 5 ? [UInt8]([250, 10, 10]) : [10, 10, 250] })

  @Test("k-means finds two colours, whatever it starts from", arguments: 0..<5)
  func colors(seed: UInt64) {
    var draws = Philox(seed: seed)
    let found = SegmentationMask.clustering(pixelsOf: halves, into: 2, using: &draws)
    #expect(found.width == 12 && found.height == 8)
    let truth = SegmentationMask(
      width: 12, height: 8, ids: (0..<96).map { $0 % 12 < 5 ? 0 : 1 })
    #expect(SegmentationScores(predicted: found, truth: truth).adjustedRandIndex == 1)
    #expect(Set(found.ids) == [1, 2])
  }

  @Test("k-means of one colour divides by position")
  func positions() {
    var draws = Philox(seed: 3)
    let found = SegmentationMask.clustering(
      pixelsOf: Image(width: 9, height: 7), into: 3, using: &draws)
    // A Voronoi partition: each row meets a group in one piece.
    for row in 0..<7 {
      let ids = Array(found.ids[row * 9..<row * 9 + 9])
      let changes = zip(ids, ids.dropFirst()).count { $0 != $1 }
      #expect(changes == Set(ids).count - 1)
    }
    #expect(Set(found.ids).count == 3)
    var one = Philox(seed: 3)
    #expect(
      SegmentationMask.clustering(
        pixelsOf: Image(width: 2, height: 1), into: 5, using: &one
      ).ids.allSatisfy { (1...5).contains($0) })
  }

  @Test("random regions hang together, and depend on the draws alone")
  func regions() {
    func regions(_ seed: UInt64) -> SegmentationMask {
      var draws = Philox(seed: seed)
      return .randomRegions(width: 20, height: 10, count: 4, using: &draws)
    }
    let found = regions(1)
    #expect(found == regions(1) && found != regions(2))
    #expect(found.width == 20 && found.height == 10 && Set(found.ids).isSubset(of: [1, 2, 3, 4]))
    for row in 0..<10 {
      let ids = Array(found.ids[row * 20..<row * 20 + 20])
      #expect(zip(ids, ids.dropFirst()).count { $0 != $1 } == Set(ids).count - 1)
    }
  }

  @Test("on scenes of coloured objects, colours say more than chance")
  func scenes() throws {
    let scenes = GeneratedScenes(imageSize: 32)
    var scores: (colors: Double, chance: Double) = (0, 0)
    for index in 0..<20 {
      var draws = Philox(seed: 0).substream(UInt64(index))
      let image = scenes.image(index, of: .validation)
      let truth = try #require(scenes.mask(index, of: .validation))
      let clusters = SegmentationMask.clustering(pixelsOf: image, into: 5, using: &draws)
      let regions = SegmentationMask.randomRegions(
        width: 32, height: 32, count: 5, using: &draws)
      scores.colors +=
        SegmentationScores(predicted: clusters, truth: truth).foregroundAdjustedRandIndex ?? 0
      scores.chance +=
        SegmentationScores(predicted: regions, truth: truth).foregroundAdjustedRandIndex ?? 0
    }
    // With other draws the means over these scenes are 0.65 and 0.45.
    #expect(scores.colors > 20 * 0.5 && scores.chance < 20 * 0.5, "\(scores)")
  }

  @Test(
    "whole squares go to who has most of them, ties to the lower number, ignored pixels to others")
  func squares() {
    let mask = SegmentationMask(
      width: 4, height: 4,
      ids: [
        1, 1, 2, 0,
        1, 0, 0, 2,
        3, .max, .max, .max,
        .max, .max, .max, .max,
      ])
    let squares = mask.madeOfSquares(2)
    #expect(
      squares.ids == [
        1, 1, 0, 0,
        1, 1, 0, 0,
        3, 3, .max, .max,
        3, 3, .max, .max,
      ])
    #expect(mask.madeOfSquares(1) == mask)
    // What is made of squares already is not changed, and scores fully.
    #expect(squares.madeOfSquares(2) == squares)
    #expect(SegmentationScores(predicted: squares, truth: squares).meanIntersectionOverUnion == 1)
  }
}
