import Images
import Testing

@Suite struct SegmentationMaskTests {
  private let mask = SegmentationMask(
    width: 5, height: 3, ids: [0, 1, 1, 2, 0, 0, 1, 3, 2, 2, 0, 0, 3, 3, 0])

  @Test func valuesOfTheRedChannelAreNumberedInTheirOrder() {
    var image = Image(width: 4, height: 1, color: SIMD3(0, 200, 100))
    for (x, red) in [219, 0, 36, 219].enumerated() { image.pixels[x * 3] = UInt8(red) }
    let mask = SegmentationMask(redChannelOf: image)
    #expect(mask.ids == [2, 0, 1, 2])
    #expect(mask.objectCount == 2)
  }

  @Test func resizingTakesTheNearestPixel() {
    // Old positions floor((i + 1/2) old / new).
    #expect(mask.resized(width: 2, height: 1).ids == [1, 2])
    #expect(mask.resized(width: 5, height: 3) == mask)
    #expect(mask.resized(width: 10, height: 3).ids.prefix(10) == [0, 0, 1, 1, 1, 1, 2, 2, 0, 0])
  }

  @Test func squaresAreCutAsFromImages() {
    #expect(mask.cropped(x: 1, y: 1, width: 3, height: 2).ids == [1, 3, 2, 0, 3, 3])
    #expect(mask.centralSquare(of: 3).ids == [1, 1, 2, 1, 3, 2, 0, 3, 3])
    #expect(mask.resizedShortSide(to: 3) == mask.centralSquare(of: 3))
  }

  @Test func picturesShowTheBackgroundInBlack() {
    let pixels = mask.image.pixels
    #expect(pixels.prefix(3) == [0, 0, 0])
    #expect(pixels[3..<6] == pixels[6..<9] && pixels[3..<6] != pixels[9..<12])
  }
}
